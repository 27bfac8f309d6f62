"""``selfheald once``."""

from collections.abc import Sequence

import click

from selfheald.cli import options
from selfheald.domain.case import Case
from selfheald.domain.plain import plain
from selfheald.redaction.redactor import Redactor
from selfheald.settings.values import Configuration


@click.command()
@options.config_option
@options.json_option
@click.option("--dry-run", is_flag=True, help="Push nothing and open nothing; what it did is forgotten afterwards.")
def once(config: str | None, *, as_json: bool, dry_run: bool) -> None:
    """One sweep, work off what it found, exit (for cron).

    Cases that wait for CI or for a reviewer are taken further by the next call. Exit status 1: an organization or a
    project could not be looked at; each is named on standard error.
    """
    configuration = options.read_configuration(config)
    redact = options.set_up_logs(configuration)
    cases, unseen = options.run(_once(configuration, redact, dry_run=dry_run))
    if as_json:
        options.print_json(cases)
    elif cases or not unseen:
        _show(cases)
    for problem in unseen:
        click.echo(f"selfheald: {plain(problem)}", err=True)
    if unseen:
        click.echo("`selfheald check` says more", err=True)
        raise click.exceptions.Exit(1)


async def _once(configuration: Configuration, redact: Redactor, *, dry_run: bool) -> tuple[list[Case], Sequence[str]]:
    """The cases that it changed, and what it could not look at."""
    from selfheald.app.daemon import once as work_off  # noqa: PLC0415 - the daemon's modules take a while to load
    from selfheald.app.outside import open_outside  # noqa: PLC0415
    from selfheald.app.wiring import wire  # noqa: PLC0415
    from selfheald.app.zone import refuse_without_sandbox  # noqa: PLC0415
    from selfheald.engine.instance import only_instance  # noqa: PLC0415

    with only_instance(configuration.state_dir) as owner:
        async with open_outside(configuration, redact, dry_run=dry_run) as outside:
            await refuse_without_sandbox(configuration, outside.sandbox)
            before = {case.id: case.version for case in await outside.store.cases.cases()}
            unseen = await work_off(outside, wire(outside, owner))
            after = await outside.store.cases.cases()
            return [case for case in after if before.get(case.id) != case.version], unseen


def _show(cases: list[Case]) -> None:
    if not cases:
        options.console.print("Nothing to do.")
        return
    table = options.table("case", "project", "branch", "state", "reason", "summary")
    for case in cases:
        table.add_row(
            str(case.id),
            case.project,
            case.branch,
            case.state,
            case.reason or "",
            options.safe(case.pull_request_url or case.summary),
        )
    options.console.print(table)
