"""Reading the past: what Semaphore lists, and for failures what their decisions need besides."""

from tests import builders as make
from tests.fakes.ci import FakeCI
from tests.fakes.code_host import FakeCodeHost
from tests.fakes.repositories import FakeRepositories

from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.errors import TransientError
from selfheald.domain.past import Past as Decidable
from selfheald.engine.backtest import PastReader

SINCE = make.ago(days=1)


class Past:
    """A Semaphore, a code host and git, and a reader of them."""

    def __init__(self) -> None:
        self.ci, self.code_host, self.repositories = FakeCI(), FakeCodeHost(), FakeRepositories()
        self.commit = self.repositories.add(make.REPOSITORY, {"lib/a": "1"}, branch="main")
        self.code_host.add_repository(make.REPOSITORY, head=self.commit)
        self.code_host.set_branch(make.REPOSITORY, "feature", self.commit)
        self.reader = PastReader(code_host=self.code_host, repositories=self.repositories)

    async def read(self, when: str = make.WHEN) -> dict[str, Decidable]:
        target = make.target(project=make.project(when=Condition.parse(when)))
        past = await self.reader.read(target, self.ci, since=SINCE, until=make.NOW)
        return {one.pipeline.id: one for one in past}


async def test_what_ended_in_between_is_read_passed_ones_too() -> None:
    past = Past()
    past.ci.put(
        make.pipeline(id="failed"),
        make.passed_pipeline(id="passed"),
        make.running_pipeline(id="running"),
        make.pipeline(id="in the overlap", done_at=make.ago(days=1, minutes=1)),
        make.pipeline(id="too new", done_at=make.later(minutes=1)),
    )

    assert (await past.read()).keys() == {"failed", "passed"}
    assert past.repositories.calls == []


async def test_each_pull_request_that_failed_is_read_once() -> None:
    past = Past()
    request = past.code_host.add_pull_request(make.REPOSITORY, head_branch="feature")
    ref = make.pull_request_ref(request.number)
    past.ci.put(make.pipeline(id="first", ref=ref), make.pipeline(id="second", ref=ref))
    past.ci.put(make.passed_pipeline(id="passed", ref=make.pull_request_ref(99)), make.pipeline(id="branch"))

    found = await past.read()

    assert [found[name].pull_request for name in ("first", "second", "branch")] == [request, request, None]
    assert past.code_host.calls == ["pull_request"]


async def test_a_pull_request_that_cannot_be_read_is_unknown() -> None:
    past = Past()
    past.ci.put(make.pipeline(id="gone", ref=make.pull_request_ref(7)))

    assert (await past.read())["gone"].pull_request is None


async def test_changed_files_are_read_for_failures_whose_decision_depends_on_them() -> None:
    past = Past()
    past.ci.put(
        make.pipeline(id="failed", commit=past.commit, ref=make.branch("feature")),
        make.passed_pipeline(id="passed"),
        make.pipeline(id="excluded", ref=make.branch("renovate/x")),
    )

    found = await past.read("change_in('/lib', {default_branch: 'main'})")

    wanted = CommitRange(base="main", head=past.commit)
    assert found["failed"].changes == {wanted: RangeChanges(files=("",))}
    assert found["passed"].changes == found["excluded"].changes == {}


async def test_a_push_is_compared_with_what_was_built_before_it() -> None:
    past = Past()
    past.ci.put(
        make.passed_pipeline(id="before", commit=past.commit, created_at=make.ago(hours=1)),
        make.pipeline(id="failed", commit=past.repositories.add(make.REPOSITORY, {"lib/a": "2"}, parent=past.commit)),
    )

    found = (await past.read("change_in('/lib', {default_branch: 'main'})"))["failed"]

    assert found.previous_commit == past.commit
    assert found.changes == {CommitRange(base=past.commit, head=found.pipeline.commit): RangeChanges(files=("lib/a",))}


async def test_changed_files_that_cannot_be_read_are_unknown() -> None:
    past = Past()
    past.ci.put(make.pipeline(id="failed"))
    past.repositories.errors["changes_in_range"] = [TransientError("git: no network")]

    assert (await past.read("change_in('/lib')"))["failed"].changes is None
