"""A human steers cases from the command line; the store is the meeting point."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests import builders as make

from selfheald.cli.main import cli
from selfheald.domain.case import Case, CaseState, advance
from selfheald.domain.decision import Heal
from selfheald.domain.errors import NotFoundError, RefusedError
from selfheald.domain.ids import CaseId
from selfheald.ports import CaseEvent
from selfheald.store.open import FILE_NAME, Store, open_store

CONFIGURATION = """\
organizations: [{name: acme, url: "https://acme.semaphoreci.com", token_env: SEMAPHORE_API_TOKEN}]
github: {token_env: GITHUB_TOKEN}
agents: {command: {kind: command, command: ["true"]}}
state_dir: state
projects: [{name: billing, organization: acme}]
"""

Steer = Callable[..., Result]


@pytest.fixture
def steer(tmp_path: Path) -> Steer:
    (tmp_path / "selfheald.yaml").write_text(CONFIGURATION)
    (tmp_path / "state").mkdir()

    def call(*arguments: str) -> Result:
        tokens = {"SEMAPHORE_API_TOKEN": "token-of-semaphore", "GITHUB_TOKEN": "token-of-github"}
        runner = CliRunner(env={**tokens, "LOGNAME": "ada"})
        return runner.invoke(cli, ["--config", str(tmp_path / "selfheald.yaml"), *arguments])

    return call


async def _opened(store: Store, state: CaseState) -> Case:
    waits = state is CaseState.AWAITING_APPROVAL
    new = make.new_case(state=state if waits else CaseState.QUEUED)
    case = await store.journal.decide(make.PROJECT, make.pipeline(), Heal(approval=waits), now=make.NOW, new_case=new)
    assert case
    return case


def opened(tmp_path: Path, state: CaseState) -> None:
    """Put a case into the store: number 1."""

    async def work() -> None:
        async with await open_store(tmp_path / "state" / FILE_NAME) as store:
            await _opened(store, state)

    asyncio.run(work())


def history(tmp_path: Path) -> list[CaseEvent]:
    async def work() -> list[CaseEvent]:
        async with await open_store(tmp_path / "state" / FILE_NAME, read_only=True) as store:
            return list(await store.cases.events(CaseId(1)))

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("command", "state", "after"),
    [
        ("approve", CaseState.AWAITING_APPROVAL, "queued"),
        ("reject", CaseState.AWAITING_APPROVAL, "rejected"),
        ("cancel", CaseState.QUEUED, "cancelled"),
    ],
)
def test_a_case_is_steered_and_tells_who_did_it(
    steer: Steer, tmp_path: Path, command: str, state: CaseState, after: str
) -> None:
    opened(tmp_path, state)

    result = steer(command, "1", "--note", "we talked about it")

    assert (result.exit_code, result.output) == (0, f"case 1 is {after} now\n")
    last = history(tmp_path)[-1]
    assert (last.after, last.actor, last.note) == (after, "ada", "we talked about it")


def test_a_case_that_awaits_approval_says_how_to_give_it(steer: Steer, tmp_path: Path) -> None:
    opened(tmp_path, CaseState.AWAITING_APPROVAL)

    shown = steer("case", "1").output

    assert shown.startswith("case 1  awaiting_approval: `selfheald approve 1` or `selfheald reject 1`\n")


def test_a_put_off_step_is_tried_again_at_once(steer: Steer, tmp_path: Path) -> None:
    opened(tmp_path, CaseState.QUEUED)

    result = steer("retry", "1", "--json")

    assert json.loads(result.output)["state"] == "queued"
    assert history(tmp_path)[-1].note == "retry"


def test_what_cannot_be_done_is_said(steer: Steer, tmp_path: Path) -> None:
    opened(tmp_path, CaseState.QUEUED)

    result = steer("approve", "1")

    assert isinstance(result.exception, RefusedError)
    assert "it is queued, not awaiting_approval" in result.exception.message


def test_a_case_that_does_not_exist_is_said(steer: Steer, tmp_path: Path) -> None:
    assert isinstance(steer("cancel", "7").exception, NotFoundError)

    opened(tmp_path, CaseState.QUEUED)
    error = steer("cancel", "7").exception
    assert isinstance(error, NotFoundError)
    assert "selfheald cases" in error.message


def test_a_cancelled_case_cannot_be_taken_further(steer: Steer, tmp_path: Path) -> None:
    """A daemon that still holds the case as it was loses the race."""
    opened(tmp_path, CaseState.QUEUED)

    async def held() -> tuple[Case, Store]:
        store = await open_store(tmp_path / "state" / FILE_NAME)
        case = await store.cases.case(CaseId(1))
        assert case
        return case, store

    with asyncio.Runner() as runner:
        case, store = runner.run(held())
        steer("cancel", "1")
        claimed = advance(case, CaseState.HEALING, now=make.NOW)
        assert not runner.run(store.cases.save(case, claimed))
        runner.run(store.close())
