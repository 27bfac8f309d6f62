"""Brings the words of docs/operating.md up to date, and keeps the advice: ``python -m tests.house.guide``.

A new word gets a row whose last cell is empty, and a test asks for it.
"""

import ast
from collections.abc import Iterator, Sequence
from enum import StrEnum
from inspect import getsource

from tests.house.checkout import OPERATING, Row, table

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason

REASONS = ("reason", "meaning", "what to do")
OUTCOMES = ("outcome", "meaning", "counts")
STATES = ("state", "meaning", "kind")


def refreshed(text: str) -> str:
    """The guide with its three tables of words as the enums have them."""
    advice = {row[0]: row[2] for row in table(text, *REASONS)}
    reasons = [(*row, advice.get(row[0], "")) for row in reason_rows()]
    for header, rows in ((REASONS, reasons), (OUTCOMES, outcome_rows()), (STATES, state_rows())):
        text = "".join(_placed(text.splitlines(keepends=True), header, rows))
    return text


def reason_rows() -> list[Row]:
    """Each reason with its meaning."""
    return [(f"`{reason}`", reason.meaning) for reason in Reason]


def outcome_rows() -> list[Row]:
    """Each outcome of an attempt."""
    meanings = explained(AttemptOutcome)
    return [(f"`{one}`", meanings[one], "yes" if one.counts else "no") for one in AttemptOutcome]


def state_rows() -> list[Row]:
    """Each state of a case."""
    meanings = explained(CaseState)
    return [(f"`{state}`", meanings[state], "end" if state.is_end else "open") for state in CaseState]


def explained(kind: type[StrEnum]) -> dict[str, str]:
    """Each member's meaning: the text that stands below it in the source."""
    definition = ast.parse(getsource(kind)).body[0]
    assert isinstance(definition, ast.ClassDef)
    return {
        ast.literal_eval(member.value): ast.literal_eval(text.value).replace("``", "`")
        for member, text in zip(definition.body, definition.body[1:], strict=False)
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr)
    }


def _placed(lines: Sequence[str], header: Row, rows: Sequence[Row]) -> Iterator[str]:
    """The lines, with other rows in the table that has this header."""
    start = lines.index(_line(header))
    end = next(number for number in range(start, len(lines) + 1) if not "".join(lines[number : number + 1]).strip())
    yield from (*lines[: start + 2], *map(_line, rows), *lines[end:])


def _line(row: Row) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n"


if __name__ == "__main__":
    OPERATING.write_text(refreshed(OPERATING.read_text(encoding="utf-8")), encoding="utf-8")
