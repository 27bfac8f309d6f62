"""Takes secrets out of text: the real part behind the ports ``Redact`` and ``FindSecrets``."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from selfheald.domain.redaction import REDACTED, SecretSpan, private_keys
from selfheald.redaction.assignments import assignments
from selfheald.redaction.encoded import encoded
from selfheald.redaction.known import Forms
from selfheald.redaction.looks import is_random
from selfheald.redaction.tokens import tokens

if TYPE_CHECKING:
    from selfheald.redaction.library import Library

SHORTEST_TEXT = 6
"""Characters: a shorter text holds nothing that is looked for."""

ROUNDS = 3
"""Taking one thing out may bring another to light."""

MOST_LEARNT = 100
"""Values that one text gives away about itself; each is looked for in all of it."""


class Redactor:
    """Finds secrets and takes them out. Takes time in proportion to the text: some 0.2 s for a megabyte.

    Several threads may use it at once.
    """

    def __init__(self, known: Callable[[], Iterable[str]]) -> None:
        """``known`` gives the values that are secret for sure, and is asked for every text."""
        self._known = known
        self._prepared: tuple[frozenset[str], Forms] = frozenset(), Forms(())
        self._library: Library | None = None

    def load(self) -> None:
        """Load the library's rules; without them a text is looked at by all the other ones. Takes a second or more."""
        from selfheald.redaction.library import Library  # noqa: PLC0415 - not every command has to wait for it

        if self._library is None:
            self._library = Library()

    def __call__(self, text: str) -> str:
        """Give the text with ``[redacted]`` in the secrets' places."""
        for _ in range(ROUNDS):
            spans = self.find(text)
            if not spans:
                break
            text = _without(text, spans)
        return text

    def find(self, text: str) -> Sequence[SecretSpan]:
        """Say where secrets stand, from the first to the last; none overlaps another."""
        if len(text) < SHORTEST_TEXT:
            return ()
        found = [*self._plain(text), *encoded(text, self._plain)]
        learnt = Forms(_learnt(text, found))
        return _merged([*found, *learnt.find(text, rule="seen-before")])

    def _plain(self, text: str) -> Iterator[SecretSpan]:
        yield from private_keys(text)
        yield from self._current().find(text, rule="known-value")
        yield from tokens(text)
        yield from assignments(text)
        if self._library:
            yield from self._library.find(text)

    def _current(self) -> Forms:
        """The forms of the values that are known now; made anew when one was rotated."""
        values = frozenset(self._known())
        prepared, forms = self._prepared
        if values != prepared:
            forms = Forms(values)
            self._prepared = values, forms  # at once: several threads may ask
        return forms


def _learnt(text: str, found: Iterable[SecretSpan]) -> list[str]:
    """What the text itself says to be secret, and may say again without its name: ``export X=…``, then ``echo $X``.

    The lines of a key are learnt each: those that ``env | sort`` prints are torn apart.
    """
    said = (text[span.start : span.end] for span in found if span.rule != "base64")
    values = dict.fromkeys(line.strip() for value in said for line in value.splitlines())
    return [value for value in values if is_random(value)][:MOST_LEARNT]


def _merged(spans: Iterable[SecretSpan]) -> list[SecretSpan]:
    merged: list[SecretSpan] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = SecretSpan(start=last.start, end=max(last.end, span.end), rule=last.rule)
        else:
            merged.append(span)
    return merged


def _without(text: str, spans: Iterable[SecretSpan]) -> str:
    pieces, after = [], 0
    for span in spans:
        pieces += [text[after : span.start], REDACTED]
        after = span.end
    return "".join([*pieces, text[after:]])
