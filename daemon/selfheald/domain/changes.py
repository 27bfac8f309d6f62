"""The changed files that a project's ``when`` asks for by ``change_in``. Pure."""

from selfheald.domain.conditions.change_in import NAME, Build, change_in, ranges_in
from selfheald.domain.conditions.functions import Function
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.ranges import Checkout, CommitRange, RangeChanges
from selfheald.domain.conditions.tokens import KEYWORDS
from selfheald.domain.observation import Observation
from selfheald.domain.pipeline import RefKind

LONGEST_PATHS = 100
"""Characters of a call's paths that are told."""


def check_when(text: str) -> None:
    """Refuse a condition that could not hold for any pipeline: as Semaphore does before a pipeline starts.

    Functions are looked up and their numbers of parameters counted, but none is called. Raises ConditionError.
    """
    lent = {NAME: change_in(Build(pipeline_file=""))}
    Condition.parse(text).evaluate(dict.fromkeys(KEYWORDS, ""), lent, dry_run=True)


def functions_of(seen: Observation) -> dict[str, Function]:
    """What selfheald lends to a project's condition."""
    return {NAME: change_in(_build(seen))}


def ranges_wanted(seen: Observation) -> tuple[CommitRange, ...]:
    """The ranges about which git must be asked before the condition can be evaluated; none without ``change_in``.

    None either for a tag, for a pull request that could not be read, and for a pipeline without its commit.
    """
    pipeline = seen.pipeline
    unread = pipeline.ref.kind is RefKind.PULL_REQUEST and seen.pull_request is None
    if unread or not pipeline.commit:
        return ()
    return ranges_in(seen.project.when, _build(seen))


def ranges_told(seen: Observation) -> str:
    """What git said about the condition's ranges, for people; nothing without ``change_in``."""
    found = seen.changes or {}
    return "".join(f"; {wanted}: {_counted(found[wanted])}" for wanted in ranges_wanted(seen) if wanted in found)


def answers_told(seen: Observation) -> str:
    """What each ``change_in`` of a condition that could be evaluated answered, for people."""
    ask = functions_of(seen)[NAME].answer
    calls = ((_paths(params[0]), ask(params, {})) for params in seen.project.when.calls(NAME))
    return "".join(f"; {NAME} of {paths}: {'yes' if answer else 'no'}" for paths, answer in calls)


def _paths(first: object) -> str:
    """The first parameter, bounded: a string or a list of strings."""
    text = ", ".join(first) if isinstance(first, list) else str(first)
    return text if len(text) <= LONGEST_PATHS else f"{text[:LONGEST_PATHS]}…"


def _build(seen: Observation) -> Build:
    pipeline = seen.pipeline
    return Build(
        pipeline_file=pipeline.file,
        is_tag=pipeline.ref.kind is RefKind.TAG,
        is_promotion=True,  # `when` stands in for a promotion's condition
        checkout=_checkout(seen),
        changes=seen.changes or {},
    )


def _checkout(seen: Observation) -> Checkout:
    pipeline, request = seen.pipeline, seen.pull_request
    if pipeline.ref.kind is RefKind.PULL_REQUEST and request is not None:
        return Checkout(
            commit=pipeline.commit,
            target=request.base_branch,
            source=request.head_commit,
            is_fork=request.is_fork,
        )
    branch = pipeline.ref.name if pipeline.ref.kind is RefKind.BRANCH else ""
    previous = seen.history.previous_commit if branch else None
    return Checkout(commit=pipeline.commit, branch=branch, previous=previous or "")


def _counted(found: RangeChanges) -> str:
    if found.unknown:
        return f"there is no {found.unknown}"
    number = sum(bool(file) for file in found.files)
    return f"{number} changed file{'' if number == 1 else 's'}"
