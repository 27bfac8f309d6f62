"""``selfheald case``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from selfheald.cli import options
from selfheald.domain.attempt import Attempt, Usage
from selfheald.domain.case import Case, CaseState
from selfheald.domain.errors import NotFoundError
from selfheald.domain.finding import Finding
from selfheald.domain.ids import CaseId
from selfheald.domain.plain import plain
from selfheald.ports import CaseEvent
from selfheald.settings.values import Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is known of a case."""

    case: Case
    attempts: Sequence[Attempt]
    events: Sequence[CaseEvent]
    folder: Path


@click.command()
@click.argument("case_id", type=int, metavar="ID")
@options.config_option
@options.json_option
@click.option("--prompt", "show", flag_value="prompt.md", help="Print the last attempt's prompt.")
@click.option("--transcript", "show", flag_value="transcript", help="Print the last attempt's transcript.")
@click.option("--diff", "show", flag_value="fix.diff", help="Print the last attempt's diff.")
def case(case_id: int, config: str | None, *, as_json: bool, show: str | None) -> None:
    """One case with its history, attempts, diff and cost."""
    configuration = options.read_configuration(config, secrets=False)
    record = options.run(_record(configuration, CaseId(case_id)))
    if show:
        kept = _kept(record, show)
        click.echo(plain(kept) if sys.stdout.isatty() else kept)
    elif as_json:
        options.print_json(record)
    else:
        _show(record)


async def _record(configuration: Configuration, case_id: CaseId) -> Record:
    async with options.reading_store(configuration) as store:
        found = await store.cases.case(case_id)
        if found is None:
            raise NotFoundError(f"there is no case {case_id}: `selfheald cases` lists them")
        return Record(
            case=found,
            attempts=await store.cases.attempts(case_id),
            events=await store.cases.events(case_id),
            folder=configuration.state_dir,
        )


def _kept(record: Record, name: str) -> str:
    """What was kept of the last attempt that has it."""
    for attempt in reversed(record.attempts):
        for path in sorted((record.folder / attempt.folder).glob(f"{name}*")):
            return path.read_text(errors="replace")
    raise NotFoundError(f"no attempt of case {record.case.id} has left a {name}")


def _show(record: Record) -> None:
    console, case = options.console, record.case
    why = f": {case.reason.meaning}" if case.reason else ""
    if case.state is CaseState.AWAITING_APPROVAL:
        why = f": `selfheald approve {case.id}` or `selfheald reject {case.id}`"
    console.print(Text.assemble((f"case {case.id}", "bold"), f"  {case.state}{why}"))
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(record):
        facts.add_row(name, options.safe(value))
    console.print(facts)
    show_history(record.events)
    if record.attempts:
        console.print("\nattempts", style="bold")
        console.print(_attempts(record.attempts))
    if any(attempt.refusals for attempt in record.attempts):
        console.print("\nrefused by the gate", style="bold")
        console.print(_refusals(record.attempts))
    if record.attempts:
        show_findings(record.attempts[-1].findings)
        show_diff(record.folder / record.attempts[-1].folder)


def _facts(record: Record) -> Sequence[tuple[str, str]]:
    case, cost = record.case, sum(attempt.cost_micros for attempt in record.attempts)
    return [
        ("project", f"{case.project} ({case.repository})"),
        ("failed", f"{case.pipeline.ref} at {case.commit}"),
        ("pipeline", f"{case.pipeline.id} ({case.pipeline.file})"),
        ("branch", case.branch),
        ("summary", case.summary or "-"),
        ("proof", case.proof or "-"),
        ("pull request", case.pull_request_url or "-"),
        ("cost", f"{cost / 1e6:.4f} USD" if cost else "-"),
    ]


def show_history(events: Sequence[CaseEvent]) -> None:
    """Print a case's history."""
    options.console.print("\nhistory", style="bold")
    table = options.table()
    for event in events:
        table.add_row(
            f"{event.at:%Y-%m-%d %H:%M:%S}", event.after, event.reason or "", options.safe(event.note), _by(event.actor)
        )
    options.console.print(table)


def show_findings(findings: Sequence[Finding]) -> None:
    """Print what the guards found."""
    if not findings:
        return
    options.console.print("\nwhat the guards found", style="bold")
    table = options.table()
    for one in findings:
        where = f"{one.path}:{one.line}" if one.line else one.path
        table.add_row(one.action, one.rule, options.safe(where), options.safe(one.text))
    options.console.print(table)


def show_diff(folder: Path) -> None:
    """Print the diff that an attempt left, if it did."""
    path = folder / "fix.diff"
    if path.exists():
        options.console.print("\ndiff", style="bold")
        text = plain(path.read_text(errors="replace"))
        options.console.print(Syntax(text, "diff", background_color="default", word_wrap=True))


def _by(actor: str) -> str:
    return "" if actor == "selfheald" else f"by {actor}"


def _tokens(usage: Usage) -> str:
    return f"{usage.input_tokens}/{usage.output_tokens}" + (f" {usage.model}" if usage.model else "")


def _attempts(attempts: Sequence[Attempt]) -> Table:
    table = options.table("", "agent", "outcome", "seconds", "tokens in/out", "USD", "note")
    for attempt in attempts:
        seconds = (attempt.finished_at - attempt.started_at).total_seconds() if attempt.finished_at else None
        table.add_row(
            str(attempt.number),
            attempt.agent,
            attempt.outcome or "running",
            f"{seconds:.1f}" if seconds is not None else "",
            options.safe("\n".join(_tokens(usage) for usage in attempt.usages or (attempt.usage,))),
            f"{attempt.cost_micros / 1e6:.4f}" if attempt.cost_micros else "",
            options.safe(attempt.note or attempt.summary),
        )
    return table


def _refusals(attempts: Sequence[Attempt]) -> Table:
    table = options.table("attempt", "kind", "what", "times")
    for attempt in attempts:
        for refusal in attempt.refusals:
            table.add_row(str(attempt.number), refusal.kind, options.safe(refusal.what), str(refusal.count))
    return table
