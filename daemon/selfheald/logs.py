"""Logs: structlog and every library's own, in one form, on standard error, without secrets.

Foreign libraries are heard from ``warning`` on. Every line passes :class:`Cleaning` last, after exceptions have become
text: secrets and control characters of untrusted text do not come through, and nothing is longer than a reader needs.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from selfheald.domain.redaction import REDACTED
from selfheald.ports import Redact

_LONGEST = 2_000
"""Characters of a value; output excerpts are for the attempt's folder."""

_LONGEST_TRACEBACK = 20_000
"""Characters; the end of a traceback tells most."""

_DEEPEST = 6
"""Levels of nested values; ours have two."""

_SECRET_KEY = re.compile(
    r"(^|[_-])(token|secret|password|passwd|authorization|api[_-]?key|private[_-]?key|cookie)$", re.IGNORECASE
)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
"""Control characters besides tab and newline: a terminal would obey them."""


def configure(form: str, level: str, redact: Redact, *, stream: TextIO | None = None) -> None:
    """Set up logging for the process; may be called again.

    ``form`` is ``auto`` (colours on a terminal, JSON otherwise), ``json`` or ``console``; ``level`` is ``debug``,
    ``info``, ``warning`` or ``error``. ``redact`` takes secrets out of every text that is logged.
    """
    stream = stream or sys.stderr
    coloured = stream.isatty()
    plain = form == "json" or (form == "auto" and not coloured)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(Cleaning(redact), _json() if plain else _console(colours=coloured)))
    handler.addFilter(_ours_or_serious)
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("selfheald").setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class Cleaning:
    """A processor that takes out secrets, disarms control characters and shortens what is too long."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Clean every value of an event, and the texts of its keys."""
        return {self._text(str(key)): self._value(str(key), value) for key, value in event.items()}

    def _value(self, key: str, value: Any, depth: int = 0) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str) and _SECRET_KEY.search(key):
            return REDACTED
        if depth < _DEEPEST and isinstance(value, Mapping):
            return {self._text(str(name)): self._value(str(name), inner, depth + 1) for name, inner in value.items()}
        if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [self._value(key, item, depth + 1) for item in value]
        text = value if isinstance(value, str) else str(value) if isinstance(value, BaseException) else repr(value)
        if key == "exception":
            return self._text(text)[-_LONGEST_TRACEBACK:]
        return _shortened(self._text(text))

    def _text(self, text: str) -> str:
        return self._redact(text).translate(_CONTROL)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text) - _LONGEST} more)"


def _ours_or_serious(record: logging.LogRecord) -> bool:
    """Libraries are heard from warning on. PyGithub sets its logger's level as it is imported, so it is done here."""
    return record.levelno >= logging.WARNING or record.name.split(".", 1)[0] == "selfheald"


def _shared() -> list[Processor]:
    """What our own and foreign events go through alike."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(cleaning: Cleaning, renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            cleaning,
            renderer,
        ],
    )


def _json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _console(*, colours: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
