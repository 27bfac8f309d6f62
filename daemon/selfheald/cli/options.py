"""What several commands share: the configuration, the state folder's store, output for machines and for people."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from selfheald.app.secrets import redactor_of
from selfheald.domain.durations import duration_text
from selfheald.domain.plain import plain
from selfheald.logs import configure
from selfheald.redaction.redactor import Redactor
from selfheald.settings.loading import load
from selfheald.settings.values import Configuration
from selfheald.store.open import FILE_NAME, Store, open_store

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)
"""Standard output for people: colours on a terminal only, and room for long lines elsewhere. What stands in square
brackets is text like any other: much of what is shown comes from outside.
"""


def config_option(command: F) -> F:
    """Take ``--config FILE`` behind the command as well as before it."""
    return click.option(
        "--config",
        metavar="FILE",
        default=None,
        help="The configuration; defaults to the one given before the command.",
    )(command)


def json_option(command: F) -> F:
    """Take ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def read_configuration(config: str | None, *, secrets: bool = True) -> Configuration:
    """The configuration that the command line names. Raises :class:`ConfigError` with every mistake.

    Without ``secrets`` it is none when a secret is not there: who looks into the state folder needs no token.
    """
    context = click.get_current_context()
    path = config or context.find_object(str) or "config/selfheald.yaml"
    return load(Path(path), os.environ, secrets=secrets)


def set_up_logs(configuration: Configuration) -> Redactor:
    """Send logs to standard error as configured, secrets replaced; gives what replaces them."""
    redact = redactor_of(configuration)
    configure(configuration.log.format, configuration.log.level, redact)
    return redact


@asynccontextmanager
async def reading_store(configuration: Configuration) -> AsyncIterator[Store]:
    """The store for reading, also while a daemon writes."""
    async with await open_store(configuration.state_dir / FILE_NAME, read_only=True) as store:
        yield store


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work."""
    return asyncio.run(work)


def table(*headers: str) -> Table:
    """A table without lines around it. What is too long for a narrow terminal is broken, not cut off."""
    columns = [Column(header, overflow="fold") for header in headers]
    return Table(*columns, box=None, pad_edge=False, show_header=bool(headers))


def safe(value: object, style: str = "") -> Text:
    """Text from outside without what a terminal would act upon."""
    return Text(plain(str(value)), style)


def print_json(value: object) -> None:
    """Print a value for programs: dataclasses as objects, times as ISO 8601, durations in seconds, money in numbers."""
    click.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return float(value)
        case Path():
            return str(value)
        case _ if hasattr(value, "__dataclass_fields__"):
            return asdict(value)  # type: ignore[call-overload]  # the line above makes sure that it is one
        case _:
            return str(value)


def when_text(instant: datetime | None, now: datetime) -> str:
    """How long ago, or how soon, for people."""
    if instant is None:
        return "-"
    seconds = int((now - instant).total_seconds())
    text = _rough(abs(seconds))
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def _rough(seconds: int) -> str:
    for size in (86_400, 3_600, 60):
        if seconds >= 2 * size:
            return duration_text(timedelta(seconds=seconds - seconds % size))
    return f"{seconds}s"
