"""The diffs that the guards are measured with: read from ``tests/guards/corpus``, whose README tells the format."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"

_ENTRY = re.compile(r"^=== (?P<id>[a-z0-9-]+) \| (?P<kind>[a-z_]+)$")
_FILE = re.compile(r"^@@ (?P<path>\S+)(?: \((?P<how>added|deleted|moved from (?P<old>\S+))\))?$")


class Verdict(StrEnum):
    """What a careful reviewer says of a diff."""

    WEAKENING = "weakening"
    HONEST = "honest"


@dataclass(frozen=True)
class FileChange:
    """One file of a diff: its whole text before and after; None where it is not there."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Entry:
    """One diff of the corpus."""

    id: str
    verdict: Verdict
    framework: str
    kind: str
    about: str
    files: tuple[FileChange, ...]


def read(verdict: Verdict) -> tuple[Entry, ...]:
    """All entries of one verdict, in the order of their files. ValueError names what does not follow the format."""
    sources = sorted((FOLDER / verdict).glob("*/*.diff"))
    return tuple(entry for source in sources for entry in _entries(source, verdict))


def _entries(source: Path, verdict: Verdict) -> Iterator[Entry]:
    lines = source.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("===")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        try:
            yield _entry(lines[start:end], verdict, source.parent.name)
        except ValueError as error:
            raise ValueError(f"{source.name}:{start + 1}: {error}") from error


def _entry(lines: Sequence[str], verdict: Verdict, framework: str) -> Entry:
    head = _ENTRY.match(lines[0])
    if head is None or len(lines) < 3 or not lines[1].startswith("# "):
        raise ValueError("an entry begins with '=== id | kind' and '# what it is about'")
    return Entry(
        id=head["id"],
        verdict=verdict,
        framework=framework,
        kind=head["kind"],
        about=lines[1].removeprefix("# "),
        files=tuple(_files(lines[2:])),
    )


def _files(lines: Sequence[str]) -> Iterator[FileChange]:
    starts = [number for number, line in enumerate(lines) if line.startswith("@@")]
    if not starts or starts[0] != 0:
        raise ValueError("after its head an entry has '@@ path'")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield from _file(lines[start], lines[start + 1 : end])


def _file(head: str, body: Sequence[str]) -> Iterator[FileChange]:
    match = _FILE.match(head)
    if match is None:
        raise ValueError(f"not the head of a file: {head}")
    before, after = _side(body, "-"), _side(body, "+")
    if match["how"] == "added":
        yield FileChange(match["path"], None, after)
    elif match["how"] == "deleted":
        yield FileChange(match["path"], before, None)
    elif match["old"] is not None:
        yield FileChange(match["old"], before, None)
        yield FileChange(match["path"], None, after)
    else:
        yield FileChange(match["path"], before, after)


def _side(body: Sequence[str], sign: str) -> str:
    """The text of one side: its own lines, and those of both. A line without any sign is an empty line of both."""
    odd = [line for line in body if line and line[0] not in " +-"]
    if odd:
        raise ValueError(f"a line has no sign: {odd[0]}")
    kept = [line[1:] for line in body if not line or line[0] in {" ", sign}]
    return "\n".join(kept).rstrip("\n") + "\n"
