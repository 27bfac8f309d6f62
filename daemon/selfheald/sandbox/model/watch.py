"""Looks at an answer as it goes by, for the usage that it tells."""

import json
from collections.abc import Iterable
from dataclasses import replace

from selfheald.domain.attempt import Usage
from selfheald.domain.budget import Wanted
from selfheald.sandbox.model.asking import BYTES_PER_TOKEN
from selfheald.sandbox.model.events import LARGEST_EVENT, EventReader
from selfheald.sandbox.model.forms import Form
from selfheald.sandbox.model.usage import Figures, at_least, read

TOKENS_PER_SECOND = 100
"""That a model writes at most, also what it does not show: for estimates."""

UNSEEN_ANSWER = 4_096
"""Tokens of output that are charged for an answer that was to come in one piece, and was not waited for."""


class Watch:
    """Reads figures from a stream or from one JSON answer, with bounded memory."""

    def __init__(self, form: Form, *, streams: bool) -> None:
        self._form = form
        self._streams = streams
        self._of_events = streams
        self._events = EventReader()
        self._body: list[bytes] = []
        self._size = 0
        self.figures = Figures()

    def begin(self, content_type: str) -> None:
        """The answer begins: a stream of events, or one JSON text."""
        self._of_events = content_type.startswith("text/event-stream")

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        self._size += len(chunk)
        if self._of_events:
            self._read(self._events.feed(chunk))
        elif self._size <= LARGEST_EVENT:
            self._body.append(chunk)

    def end(self) -> None:
        """The answer has come to its end."""
        if self._of_events:
            self._read(self._events.end())
        elif self._size <= LARGEST_EVENT:
            self._read([b"".join(self._body)])

    def usage(self, wanted: Wanted, *, seconds: float) -> Usage:
        """What is charged: the provider's figures, or the estimate where it could not tell them."""
        usage = self.figures.usage
        if usage is None or not self.figures.final:
            usage = at_least(self.figures, self.estimate(wanted, seconds=seconds))
        return replace(usage, model=self.figures.model)

    def estimate(self, wanted: Wanted, *, seconds: float) -> Usage:
        """For an answer that was cut off: hanging up early must not be cheaper than listening."""
        written = max(self._size // BYTES_PER_TOKEN, int(seconds * TOKENS_PER_SECOND))
        if not self._streams:
            written = max(written, min(UNSEEN_ANSWER, wanted.output_tokens or UNSEEN_ANSWER))
        most = written if wanted.output_tokens is None else wanted.output_tokens
        return Usage(input_tokens=wanted.input_tokens, output_tokens=min(written, most))

    def _read(self, texts: Iterable[bytes]) -> None:
        for text in texts:
            if b"usage" not in text:
                continue
            try:
                told = json.loads(text)
            except (ValueError, RecursionError):
                continue
            for one in told if isinstance(told, list) else [told]:
                if isinstance(one, dict):
                    self.figures = read(self._form, one, self.figures)
