"""The engine on fakes: what one test needs, put together."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from tests import builders as make
from tests.fakes.agent import FakeAgent
from tests.fakes.ci import FakeCI
from tests.fakes.clock import ManualClock
from tests.fakes.code_host import FakeCodeHost
from tests.fakes.gate import FakeGate
from tests.fakes.repositories import FakeRepositories
from tests.fakes.store import FakeStore

from selfheald.domain.attempt import Attempt
from selfheald.domain.case import Case
from selfheald.domain.events import Event
from selfheald.domain.ids import AgentName, CaseId, ProjectName, Sha
from selfheald.domain.limits import Limit
from selfheald.domain.pipeline import Pipeline, RefKind
from selfheald.domain.policy import Project
from selfheald.domain.polling import Pace
from selfheald.engine.casework import Casework
from selfheald.engine.decide import Decider
from selfheald.engine.dispatch import Dispatcher
from selfheald.engine.heal import Healer
from selfheald.engine.judge import Judge
from selfheald.engine.propose import Proposer
from selfheald.engine.roster import Roster
from selfheald.engine.stopwatch import Stopwatch
from selfheald.engine.supersede import Superseder
from selfheald.engine.sweep import Sweeper
from selfheald.engine.targets import Targets
from selfheald.engine.verify import Verifier
from selfheald.ports import Command, Exit, Layout, Probe, SemaphoreProject
from selfheald.redaction.redactor import Redactor

KNOWN = "a-secret-of-the-daemon-77"
"""What the redaction knows."""

ORGANIZATION = make.project().organization
T = TypeVar("T")


@dataclass
class ScriptedSandbox:
    """Implements the port ``Sandbox`` for commands of ``verify``: ends each with the code that the test sets."""

    code: int = 0
    timed_out: bool = False
    limit: Limit | None = None
    commands: list[Command] = field(default_factory=list)

    def layout(self, tree: Path, home: Path) -> Layout:
        return Layout(tree=str(tree), home=str(home))

    async def run(self, command: Command, on_line: Callable[[bytes], bool | None]) -> Exit:
        self.commands.append(command)
        (command.tree / "left-by-verify.txt").write_text("a report\n")
        on_line(b"checking")
        code = None if self.timed_out or self.limit else self.code
        return Exit(code=code, timed_out=self.timed_out, seconds=0.1, stderr="it went wrong", limit=self.limit)

    async def probe(self) -> Probe:
        return Probe(ok=True, found="scripted")


class Rig:
    """One project (or some), one worker, no time, no network."""

    def __init__(
        self,
        state_dir: Path,
        *,
        project: Project | None = None,
        others: Sequence[Project] = (),
        workers: int = 1,
        stand_ins: Mapping[AgentName, FakeAgent] | None = None,
    ) -> None:
        self.state_dir = state_dir
        self.project = project or make.project()
        self.projects = [self.project, *others]
        self.clock = ManualClock()
        self.ci = FakeCI(listed=[_listed(one.name, number) for number, one in enumerate(self.projects, 1)])
        self.code_host = FakeCodeHost()
        self.repositories = FakeRepositories()
        self.agent = FakeAgent()
        self.stand_ins = stand_ins or {}
        self.sandbox = ScriptedSandbox()
        self.gate = FakeGate()
        self.store = FakeStore()
        self.events: list[Event] = []
        self.redact = Redactor(lambda: [KNOWN])
        self.failed_commit = self.repositories.add(make.REPOSITORY, {"cents.py": "broken\n"})
        self.code_host.add_repository(make.REPOSITORY, head=self.failed_commit)
        self._wire(workers)

    def _wire(self, workers: int) -> None:
        cis = {ORGANIZATION: self.ci}
        self.targets = Targets(self.projects, cis)
        journal = self.store.journal
        self.decider = Decider(
            journal=journal,
            code_host=self.code_host,
            repositories=self.repositories,
            clock=self.clock,
            listener=self.hear,
        )
        superseder = Superseder(
            journal=journal,
            cases=self.store.cases,
            code_host=self.code_host,
            clock=self.clock,
            listener=self.hear,
            look_again=timedelta(milliseconds=20),
        )
        pace = Pace(interval=make.later(seconds=30) - make.NOW, idle_interval=make.later(minutes=5) - make.NOW)
        self.sweeper = Sweeper(
            targets=self.targets,
            cis=cis,
            journal=journal,
            decider=self.decider,
            superseder=superseder,
            clock=self.clock,
            listener=self.hear,
            pace=pace,
            lookback=make.later(hours=1) - make.NOW,
        )
        judge = Judge(
            repositories=self.repositories,
            verifier=Verifier(self.sandbox, timeout=make.later(minutes=5) - make.NOW),
            redact=self.redact,
            find_secrets=self.redact.find,
            timed=Stopwatch(self.clock, self.hear),
            state_dir=self.state_dir,
        )
        healer = Healer(
            cis=cis,
            repositories=self.repositories,
            agents={make.AGENT: self.agent, **self.stand_ins},
            judge=judge,
            gate=self.gate,
            cases=self.store.cases,
            clock=self.clock,
            listener=self.hear,
            redact=self.redact,
            state_dir=self.state_dir,
        )
        healer.noted_every = timedelta(milliseconds=5)
        self.dispatcher = Dispatcher(
            healer=healer,
            superseder=superseder,
            targets=self.targets,
            cases=self.store.cases,
            clock=self.clock,
            listener=self.hear,
            roster=Roster(
                {make.AGENT: tuple(self.stand_ins), **dict.fromkeys(self.stand_ins, ())},
                priced={make.AGENT},
                cases=self.store.cases,
                clock=self.clock,
                listener=self.hear,
            ),
            workers=workers,
            owner="me",
            beat=timedelta(milliseconds=5),
        )
        self.casework = Casework(
            targets=self.targets,
            cis=cis,
            code_host=self.code_host,
            repositories=self.repositories,
            proposer=Proposer(
                cis=cis,
                code_host=self.code_host,
                repositories=self.repositories,
                cases=self.store.cases,
                organization_urls={ORGANIZATION: "https://acme.semaphoreci.com"},
            ),
            superseder=superseder,
            cases=self.store.cases,
            clock=self.clock,
            listener=self.hear,
            look_again=make.later(minutes=1) - make.NOW,
        )

    def hear(self, event: Event) -> None:
        self.events.append(event)

    def heard(self, kind: type[T]) -> list[T]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def failing(self, **overrides: Any) -> Pipeline:
        """A pipeline that failed at the repository's only commit, put into Semaphore; its branch is at its commit."""
        pipeline = make.pipeline(**{"commit": self.failed_commit} | overrides)
        if pipeline.ref.kind is RefKind.BRANCH:
            self.code_host.set_branch(make.REPOSITORY, pipeline.ref.name, pipeline.commit)
        self.ci.put(pipeline)
        return pipeline

    async def sweep(self) -> None:
        """Look at every project once."""
        await self.targets.refresh(ORGANIZATION)
        await self.sweeper.once()

    async def heal(self) -> int:
        """Make the attempts that are due, and wait for them."""
        async with asyncio.TaskGroup() as group:
            return await self.dispatcher.start_due(group)

    async def case(self, number: int = 1) -> Case:
        case = await self.store.cases.case(CaseId(number))
        assert case
        return case

    async def attempts(self, number: int = 1) -> Sequence[Attempt]:
        return await self.store.cases.attempts(CaseId(number))

    async def to_validating(self) -> Case:
        """From a failed pipeline to our branch on the remote."""
        self.failing()
        await self.sweep()
        await self.heal()
        await self.casework.work_off()
        return await self.case()

    def ci_on_our_branch(self, case: Case, **overrides: Any) -> Pipeline:
        """A pipeline of our branch at our commit; it passed unless told otherwise."""
        ours = {"id": f"ours-{case.version}", "ref": make.branch(case.branch), "commit": case.pushed}
        pipeline = make.passed_pipeline(**ours | {"created_at": self.clock.now()} | overrides)
        self.ci.put(pipeline)
        return pipeline

    async def to_proposed(self) -> Case:
        """From a failed pipeline to an open pull request."""
        case = await self.to_validating()
        self.code_host.set_branch(make.REPOSITORY, case.branch, case.pushed)
        self.ci_on_our_branch(case)
        self.clock.move(minutes=2)
        await self.casework.work_off()
        return await self.case()


def _listed(name: ProjectName, number: int) -> SemaphoreProject:
    return SemaphoreProject(
        name=name, project_id=f"project-{number}", organization_id="organization-1", repository=make.REPOSITORY
    )


def commit_of(case: Case) -> Sha:
    assert case.pushed
    return case.pushed
