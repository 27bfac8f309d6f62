"""Logs: structlog and every library's own, in one form, on standard error, without secrets.

Foreign libraries are heard from ``warning`` on. Every line passes :class:`Redaction` last, after exceptions have become
text: known secrets, things that look like tokens, and control characters of untrusted text do not come through, and
nothing is longer than a reader needs.
"""

import logging
import re
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"

_SHORTEST = 6
"""Characters. Hiding a shorter secret would garble logs, and no real token is that short."""

_LONGEST = 2_000
"""Characters of a value; output excerpts are for the attempt's folder."""

_LONGEST_TRACEBACK = 20_000
"""Characters; the end of a traceback tells most."""

_DEEPEST = 6
"""Levels of nested values; ours have two."""

_SECRET_KEY = re.compile(
    r"(^|[_-])(token|secret|password|passwd|authorization|api[_-]?key|private[_-]?key|cookie)$", re.IGNORECASE
)
_TOKENS = re.compile(
    r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|sk-[\w-]{20,}|AIza[\w-]{30,})"
    r"|(?<=://)[^/\s@]{1,500}(?=@)"
    r"|(?i:\b(?:bearer|basic|token)\s+)[\w.~+/-]{16,}=*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
"""Control characters besides tab and newline: a terminal would obey them."""


def configure(form: str, level: str, secrets: Callable[[], Iterable[str]], *, stream: TextIO | None = None) -> None:
    """Set up logging for the process; may be called again.

    ``form`` is ``auto`` (colours on a terminal, JSON otherwise), ``json`` or ``console``; ``level`` is ``debug``,
    ``info``, ``warning`` or ``error``. ``secrets`` gives all values that must not show, and is asked for every line.
    """
    stream = stream or sys.stderr
    coloured = stream.isatty()
    plain = form == "json" or (form == "auto" and not coloured)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(Redaction(secrets), _json() if plain else _console(colours=coloured)))
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


class Redaction:
    """A processor that hides secrets, disarms control characters and shortens what is too long."""

    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        self._secrets = secrets

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Clean every value of an event, and the texts of its keys."""
        secrets = _forms(self._secrets())
        return {_clean(str(key), secrets): self._value(str(key), value, secrets) for key, value in event.items()}

    def _value(self, key: str, value: Any, secrets: list[str], depth: int = 0) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str) and _SECRET_KEY.search(key):
            return HIDDEN
        if depth < _DEEPEST and isinstance(value, Mapping):
            items = value.items()
            return {_clean(str(k), secrets): self._value(str(k), v, secrets, depth + 1) for k, v in items}
        if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [self._value(key, item, secrets, depth + 1) for item in value]
        text = value if isinstance(value, str) else str(value) if isinstance(value, BaseException) else repr(value)
        if key == "exception":
            return _clean(text, secrets)[-_LONGEST_TRACEBACK:]
        return _shortened(_clean(text, secrets))


def _forms(secrets: Iterable[str]) -> list[str]:
    """Give the secrets in every form in which they travel, the longest first."""
    forms: set[str] = set()
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            lines = [line for line in secret.splitlines() if len(line) >= _SHORTEST]
            forms.update((secret, *lines, quote(secret, safe=""), b64encode(secret.encode()).decode()))
            forms.add(b64encode(f"x-access-token:{secret}".encode()).decode())
    return sorted(forms, key=len, reverse=True)


def _clean(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _TOKENS.sub(HIDDEN, text).translate(_CONTROL)


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


def _formatter(redaction: Redaction, renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redaction,
            renderer,
        ],
    )


def _json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _console(*, colours: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
