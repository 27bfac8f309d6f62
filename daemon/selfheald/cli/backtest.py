"""``selfheald backtest``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import click
from rich.text import Text

from selfheald.cli import options
from selfheald.domain.assumed import Assumed
from selfheald.domain.backtest import ProjectBacktest, Replayed
from selfheald.domain.backtest import backtest as replayed
from selfheald.domain.durations import DurationError, parse_duration
from selfheald.domain.errors import SelfhealdError
from selfheald.domain.past import Past
from selfheald.domain.policy import Mode, Project
from selfheald.domain.prices import micros_of
from selfheald.domain.reasons import Reason
from selfheald.settings.values import Configuration

_DOLLARS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What would have come of the past."""

    since: datetime
    until: datetime
    assumed: Assumed
    projects: tuple[ProjectBacktest, ...]
    problems: dict[str, str]
    """Projects that could not be read, and why."""


def _duration(_context: click.Context, _parameter: click.Parameter, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except DurationError as error:
        raise click.BadParameter(str(error)) from error


def _dollars(_context: click.Context, _parameter: click.Parameter, text: str) -> Decimal:
    if not _DOLLARS.fullmatch(text):
        raise click.BadParameter(f"{text[:40]!r} is no amount of dollars, such as 2.50")
    return Decimal(text)


@click.command()
@click.option(
    "--since", metavar="DURATION", default="30d", show_default=True, callback=_duration, help="How far to look back."
)
@click.option("--project", metavar="NAME", help="One project only, also when its mode is off.")
@click.option("--unfixed", is_flag=True, help="No case is fixed, so that each branch rests for limits.cooldown.")
@click.option(
    "--open-for",
    metavar="DURATION",
    default="0s",
    show_default=True,
    callback=_duration,
    help="How long each pull request stays open, for limits.open_pull_requests.",
)
@click.option(
    "--cost",
    metavar="USD",
    default="0",
    callback=_dollars,
    show_default=True,
    help="What each case costs, for the limits of a day.",
)
@options.config_option
@options.json_option
def backtest(
    since: timedelta,
    project: str | None,
    open_for: timedelta,
    cost: Decimal,
    config: str | None,
    *,
    unfixed: bool,
    as_json: bool,
) -> None:
    """Tell what would have been healed, by the rules as they are now.

    Lists the pipelines that Semaphore still has, and decides upon those that failed as if the daemon had been there:
    change a rule, and see what comes of it before it is in force. What its cases come to is assumed of all alike.
    Writes nothing; a condition with `change_in` fetches what it needs into the git mirrors. Exit status 1: a project
    could not be read.
    """
    configuration = options.read_configuration(config)
    chosen = _chosen(configuration, project)
    options.set_up_logs(configuration)
    assumed = Assumed(fixed=not unfixed, open_for=open_for, cost_micros=micros_of(cost))
    answer = options.run(_backtest(configuration, chosen, since, assumed))
    if as_json:
        options.print_json(_plain(answer))
    else:
        _show(answer)
    if answer.problems:
        raise click.exceptions.Exit(1)


def _chosen(configuration: Configuration, name: str | None) -> list[Project]:
    """The projects to replay, as if they were healed."""
    found = [one for one in configuration.projects if (one.mode is not Mode.OFF if name is None else one.name == name)]
    if name is not None and not found:
        known = ", ".join(sorted(one.name for one in configuration.projects))
        raise click.BadParameter(f"there is no project {name}; configured are {known}", param_hint="--project")
    return [replace(one, mode=Mode.HEAL) if one.mode in (Mode.OFF, Mode.OBSERVE) else one for one in found]


async def _backtest(
    configuration: Configuration, projects: Sequence[Project], since: timedelta, assumed: Assumed
) -> Answer:
    from selfheald.app.outside import open_sources  # noqa: PLC0415 - the daemon's modules take a while to load
    from selfheald.engine.backtest import PastReader  # noqa: PLC0415
    from selfheald.engine.targets import Targets  # noqa: PLC0415

    async with open_sources(configuration) as sources:
        until, past = sources.clock.now(), list[Past]()
        targets = Targets(projects, sources.cis)
        reader = PastReader(code_host=sources.code_host, repositories=sources.repositories)
        for organization in sorted({project.organization for project in projects}):
            await targets.refresh(organization)
        problems: dict[str, str] = {str(name): why for name, why in targets.problems.items()}
        for project in projects:
            if (target := targets.get(project.name)) is None:
                problems.setdefault(project.name, f"the organization {project.organization} did not answer")
                continue
            try:
                ci = sources.cis[project.organization]
                past += await reader.read(target, ci, since=until - since, until=until)
            except SelfhealdError as error:
                problems[project.name] = error.message
        told = replayed(past, until=until, assumed=assumed)
        return Answer(since=until - since, until=until, assumed=assumed, projects=told, problems=problems)


def _plain(answer: Answer) -> dict[str, object]:
    return {
        "since": answer.since,
        "until": answer.until,
        "assumptions": answer.assumed.told(),
        "cases": sum(one.cases for one in answer.projects),
        "projects": [_plain_project(one) for one in answer.projects],
        "problems": answer.problems,
    }


def _plain_project(one: ProjectBacktest) -> dict[str, object]:
    return {
        "project": one.project,
        "pipelines": one.pipelines,
        "failed": one.failed,
        "cases": one.cases,
        "healed": [_plain_case(case) for case in one.healed],
        "skipped": one.skipped,
        "waiting": one.waiting,
    }


def _plain_case(case: Replayed) -> dict[str, object]:
    pipeline = case.pipeline
    return {
        "pipeline": pipeline.id,
        "ref": str(pipeline.ref),
        "commit": pipeline.commit,
        "decided_at": case.decided_at,
    }


def _show(answer: Answer) -> None:
    console = options.console
    console.print(f"From {answer.since:%Y-%m-%d %H:%M} to {answer.until:%Y-%m-%d %H:%M} UTC, by the rules of now.\n")
    for one in answer.projects:
        _show_project(one)
    for name, problem in answer.problems.items():
        console.print(Text.assemble((f"{name}: not read: ", "red"), options.safe(problem)), end="\n\n")
    console.print("Taken for granted", style="bold")
    for assumption in answer.assumed.told():
        console.print(f"  - {assumption}")


def _show_project(one: ProjectBacktest) -> None:
    console = options.console
    cases = f"{one.cases} case{'' if one.cases == 1 else 's'}"
    counts = f": {one.pipelines} pipelines ended, {one.failed} failed, "
    console.print(Text.assemble((one.project, "bold"), counts, (cases, "bold")))
    if one.healed:
        table = options.table("  would be healed", "what", "commit", "at (UTC)")
        for case in one.healed:
            pipeline, at = case.pipeline, f"{case.decided_at:%Y-%m-%d %H:%M:%S}"
            table.add_row(options.safe(f"  {pipeline.id}"), options.safe(str(pipeline.ref)), pipeline.commit[:10], at)
        console.print(table)
    _show_reasons("would be skipped", one.skipped)
    _show_reasons("would still wait", one.waiting)
    console.print()


def _show_reasons(title: str, counts: Mapping[Reason, int]) -> None:
    if counts:
        table = options.table(f"  {title}", "times", "because")
        for reason, number in counts.items():
            table.add_row(f"  {reason}", str(number), reason.meaning)
        options.console.print(table)
