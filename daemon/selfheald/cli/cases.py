"""``selfheald cases``."""

from datetime import UTC, datetime

import click
from rich.table import Table

from selfheald.cli import options
from selfheald.domain.case import Case
from selfheald.domain.errors import NotFoundError
from selfheald.settings.values import Configuration


@click.command()
@options.config_option
@options.json_option
@click.option("--open", "open_only", is_flag=True, help="Only those that are being treated.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many, the newest.")
def cases(config: str | None, *, as_json: bool, open_only: bool, limit: int) -> None:
    """What is being treated and what has been, newest first."""
    configuration = options.read_configuration(config, secrets=False)
    found = options.run(_cases(configuration, open_only=open_only, limit=limit))
    if as_json:
        options.print_json(found)
    elif found:
        options.console.print(_table(found))
    else:
        options.console.print("No case so far: every failed pipeline that selfheald heals becomes one.")


async def _cases(configuration: Configuration, *, open_only: bool, limit: int) -> list[Case]:
    try:
        async with options.reading_store(configuration) as store:
            return list(await store.cases.cases(open_only=open_only, limit=limit))
    except NotFoundError:
        return []


def _table(found: list[Case]) -> Table:
    now = datetime.now(UTC)
    table = options.table("case", "project", "failed", "state", "reason", "updated", "pull request")
    for case in found:
        table.add_row(
            str(case.id),
            case.project,
            options.safe(f"{case.pipeline.ref} {case.commit[:10]}"),
            case.state,
            case.reason or "",
            options.when_text(case.updated_at, now),
            case.pull_request_url or "",
        )
    return table
