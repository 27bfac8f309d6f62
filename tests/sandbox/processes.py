"""Looks for processes of a test by a word that stands in their command lines."""

import secrets
from pathlib import Path


def token() -> str:
    """A word that no other process has in its command line."""
    return f"mark-{secrets.token_hex(8)}"


def command_lines() -> dict[int, str]:
    """The command line of every process that may be read."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
    return found


def marked(mark: str) -> list[int]:
    """The processes whose command line holds the mark."""
    return [pid for pid, line in command_lines().items() if mark in line]


def none_left(mark: str) -> None:
    """All processes with the mark are gone: a sandbox has waited for them, so the test does not wait."""
    assert marked(mark) == []
