"""``selfheald approve``, ``reject``, ``retry``, ``cancel``: a human steers a case, running daemon or not.

The store is the meeting point: the change is a compare-and-set like every other, and the daemon sees it with its next
look at the case.
"""

import getpass
from collections.abc import Callable
from datetime import UTC, datetime

import click

from selfheald.app.secrets import redactor_of
from selfheald.cli import options
from selfheald.cli.case import show_diff, show_findings
from selfheald.domain import steering
from selfheald.domain.attempt import Attempt
from selfheald.domain.case import Case, CaseState
from selfheald.domain.errors import NotFoundError, TransientError
from selfheald.domain.ids import CaseId
from selfheald.settings.values import Configuration
from selfheald.store.open import FILE_NAME, open_store

TRIES = 10
"""The daemon may change the case at the same moment; then it is looked at anew."""

Steer = Callable[[Case, datetime], Case]


def _command(name: str, steer: Steer, text: str) -> click.Command:
    @click.command(name, help=text)
    @click.argument("case_id", type=int, metavar="ID")
    @options.config_option
    @options.json_option
    @click.option("--note", default="", help="Why, for the case's history.")
    def command(case_id: int, config: str | None, *, as_json: bool, note: str) -> None:
        configuration = options.read_configuration(config, secrets=False)
        case, last = options.run(_steer(configuration, CaseId(case_id), steer, note=note or name))
        if as_json:
            options.print_json(case)
            return
        if last and case.state is CaseState.PUSHING and name == "approve":
            show_findings(last.findings)
            show_diff(configuration.state_dir / last.folder)
        options.console.print(f"case {case.id} is {case.state} now")

    return command


async def _steer(
    configuration: Configuration, case_id: CaseId, steer: Steer, *, note: str
) -> tuple[Case, Attempt | None]:
    """Change the case; gives it as it is then, with its last attempt."""
    path = configuration.state_dir / FILE_NAME
    if not path.exists():
        raise NotFoundError(f"there is no case {case_id}: {path} does not exist yet")
    async with await open_store(path, redact=redactor_of(configuration)) as store:
        for _ in range(TRIES):
            case = await store.cases.case(case_id)
            if case is None:
                raise NotFoundError(f"there is no case {case_id}: `selfheald cases` lists them")
            after = steer(case, datetime.now(UTC))
            if await store.cases.save(case, after, note=note, actor=user()):
                attempts = await store.cases.attempts(case_id)
                return after, (attempts[-1] if attempts else None)
        raise TransientError(f"case {case_id} changes all the time: try again")


def user() -> str:
    """Who is at the keyboard, for a case's history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        return "a user without a name"


approve = _command(
    "approve", steering.approve, "Let a case that awaits approval be worked on, or its proposal be pushed."
)
reject = _command("reject", steering.reject, "Refuse a case that awaits approval: a lasting no for this failure.")
retry = _command("retry", steering.retry, "Try an open case's next step at once, its errors forgotten.")
cancel = _command("cancel", steering.cancel, "End an open case, also while an agent works on it.")
