"""``change_in``: whether any changed file lies under the given paths. Pure; the host brings the lists of files.

As Semaphore's spc evaluates it: a pattern without ``*`` is a plain prefix of ``/path`` (``/lib`` also means
``/library/x``), one with ``*`` is a doublestar match of the whole path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath
from typing import Self

from selfheald.domain.conditions.functions import Function, FunctionError
from selfheald.domain.conditions.globs import glob_matches
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.ranges import Checkout, CommitRange, RangeChanges, RangeOptions, range_of

NAME = "change_in"
ARITIES = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options that decide about paths."""

    exclude: tuple[str, ...] = ()
    """Patterns that are asked first: a file under them never counts."""
    tracked: str | None = None
    """The pipeline file's path if a change of it counts as well."""
    directory: str = ".semaphore"
    """The pipeline file's directory: patterns that do not begin with ``/`` are relative to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What is built, for those who call ``change_in``."""

    files: tuple[str, ...] = ()
    """The changed files, as ``git diff --name-only`` names them; not used with a ``checkout``."""
    pipeline_file: str
    is_tag: bool = False
    is_promotion: bool = False
    """In promotions the pipeline file is not tracked by default."""
    checkout: Checkout | None = None
    """With it each call's own range counts, and :attr:`changes` has the answers."""
    changes: Mapping[CommitRange, RangeChanges] = field(default_factory=dict)
    """What git said about the ranges that :func:`ranges_in` names."""


def changed(patterns: Sequence[str], options: Options, files: Sequence[str]) -> bool:
    """Tell whether any of the files counts; raises FunctionError for a malformed pattern.

    The empty line of an empty diff is a file named "", so ``/`` is true for it.
    """
    wanted = [_absolute(pattern, options.directory) for pattern in patterns]
    unwanted = [_absolute(pattern, options.directory) for pattern in options.exclude]
    tracked = [] if options.tracked is None else [_absolute(f"/{options.tracked}", "")]
    paths = [_absolute(f"/{file}", "").rstrip("/") or "/" for file in files]
    return any(
        not any(_under(pattern, path) for pattern in unwanted)
        and (any(map(path.startswith, tracked)) or any(_under(pattern, path) for pattern in wanted))
        for path in paths
    )


def _absolute(pattern: str, directory: str) -> str:
    if not pattern:
        raise FunctionError("a path is empty")
    path = normpath(join("/", directory, pattern))
    cleaned = "/" + path.lstrip("/")  # POSIX keeps two leading slashes
    return f"{cleaned}/" if pattern.endswith("/") and cleaned != "/" else cleaned


def _under(pattern: str, path: str) -> bool:
    return glob_matches(pattern, path) if "*" in pattern else path.startswith(pattern)


def change_in(build: Build) -> Function:
    """Make the function that conditions call: ``change_in('/lib')``, ``change_in(['/lib'], {exclude: '/lib/docs'})``.

    ``on_tags`` (default true) is the answer for a tag build; ``pipeline_file`` is ``track`` or ``ignore``.
    """

    def answer(params: Sequence[object], _inputs: Mapping[str, object]) -> bool:
        call = _Call.read(params, build)
        if build.is_tag:
            return call.on_tags
        return changed(call.patterns, call.options, _files(call, build))

    return Function(arities=ARITIES, answer=answer)


def ranges_in(condition: Condition, build: Build) -> tuple[CommitRange, ...]:
    """The ranges about which git must be asked before the condition can be evaluated, each once.

    None for a tag. A call with wrong parameters has none: evaluating the condition tells what is wrong with it.
    """
    if build.is_tag or build.checkout is None:
        return ()
    found = dict.fromkeys(_range(params, build, build.checkout) for params in condition.calls(NAME))
    return tuple(wanted for wanted in found if wanted is not None)


def _range(params: Sequence[object], build: Build, checkout: Checkout) -> CommitRange | None:
    if len(params) not in ARITIES:
        return None
    try:
        return range_of(_Call.read(params, build).ranges, checkout)
    except FunctionError:
        return None


def _files(call: "_Call", build: Build) -> tuple[str, ...]:
    """The files of the call's range; raises FunctionError when its default branch does not exist."""
    if build.checkout is None:
        return build.files
    wanted = range_of(call.ranges, build.checkout)
    if wanted is None:
        return ()
    if wanted not in build.changes:
        raise FunctionError(f"the changed files of {wanted} are not known")
    found = build.changes[wanted]
    if found.unknown == call.ranges.default_branch:
        raise FunctionError(f"Unknown git reference '{found.unknown}'.")
    return found.files


@dataclass(frozen=True, slots=True)
class _Call:
    patterns: tuple[str, ...]
    options: Options
    on_tags: bool
    ranges: RangeOptions

    @classmethod
    def read(cls, params: Sequence[object], build: Build) -> Self:
        """Check the parameters; raises FunctionError."""
        given = params[1] if len(params) > 1 else {}
        if not isinstance(given, dict):
            raise FunctionError("the second parameter must be a map")
        on_tags = given.get("on_tags", True)
        if not isinstance(on_tags, bool):
            raise FunctionError("the option 'on_tags' must be a boolean")
        options = Options(
            exclude=_paths(given.get("exclude", []), "the option 'exclude'"),
            tracked=build.pipeline_file if _tracks(given, build) else None,
            directory=dirname(build.pipeline_file),
        )
        return cls(_paths(params[0], "the first parameter"), options, on_tags, RangeOptions.read(given))


def _paths(value: object, name: str) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise FunctionError(f"{name} must be a string or a list of strings")
    return tuple(texts)


def _tracks(given: Mapping[str, object], build: Build) -> bool:
    choice = given.get("pipeline_file", "ignore" if build.is_promotion else "track")
    if choice not in ("track", "ignore"):
        raise FunctionError("the option 'pipeline_file' must be 'track' or 'ignore'")
    return choice == "track"
