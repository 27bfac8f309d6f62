"""No secret goes from logs, agents or commits into prompts, stores, diffs or pull requests."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests import builders as make
from tests.engine.rig import KNOWN, Rig
from tests.fakes.agent import fixes
from tests.fakes.code_host import FakeCodeHost

from selfheald.domain.attempt import Usage
from selfheald.domain.events import AttemptEnded
from selfheald.domain.proposal import WantedPullRequest
from selfheald.engine.redacted import RedactedCodeHost
from selfheald.ports import AgentReport, AgentTask
from selfheald.redaction.redactor import Redactor

MARKER = "<!-- selfheald case 7 -->"
LEARNT = "q7Hs92LmXc04TrVbNz"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_no_secret_of_a_log_reaches_the_agent(rig: Rig) -> None:
    jobs = (
        make.failed_job(name="Env", log=f"export DEPLOY_TOKEN={LEARNT}\nand \x1b[1m{KNOWN[:9]}\x1b[0m{KNOWN[9:]}"),
        make.failed_job(name=f"Echo {KNOWN}", log=f"{LEARNT}\n"),
    )
    rig.ci.jobs[rig.failing(name=f"Tests {KNOWN}").id] = jobs
    await rig.sweep()

    await rig.heal()

    (task,) = rig.agent.tasks
    given = f"{task.prompt}{task.variables}"
    assert "export DEPLOY_TOKEN=[redacted]\nand [redacted]" in given
    assert KNOWN not in given
    assert LEARNT not in given


async def test_no_secret_of_an_agent_is_remembered_or_pushed(rig: Rig) -> None:
    def talks(task: AgentTask) -> AgentReport:
        report = fixes(task)
        (task.tree / "cents.py").write_text(f"fixed\nkey = '{KNOWN}'\n")
        (task.tree / "commit-message.txt").write_text(f"use {KNOWN}\n")
        return replace(report, message=f"I used {KNOWN}.", usage=Usage(model=KNOWN, input_tokens=1))

    rig.agent.work = talks

    await rig.to_proposed()

    (attempt,) = await rig.attempts()
    (ended,) = rig.heard(AttemptEnded)
    assert attempt.summary == "use [redacted]"
    assert attempt.message == "I used [redacted]."
    assert KNOWN not in repr((attempt, ended))
    assert KNOWN not in (rig.state_dir / attempt.folder / "fix.diff").read_text()
    assert KNOWN not in str(rig.repositories.messages)
    assert KNOWN not in repr(rig.code_host.pull_requests)


async def test_each_prompt_has_a_word_of_its_own(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    await rig.heal()
    rig.clock.move(hours=1)
    other = Rig(rig.state_dir / "other")
    other.failing()
    await other.sweep()
    await other.heal()

    first, second = (one.agent.tasks[0].prompt.split("with the word ")[1][:16] for one in (rig, other))

    assert first != second


async def test_a_pull_request_shows_no_secret_and_keeps_its_marker() -> None:
    host = FakeCodeHost()
    host.add_repository(make.REPOSITORY, head=make.sha())
    host.set_branch(make.REPOSITORY, "selfheal-x", make.sha(2))
    redacted = RedactedCodeHost(host, Redactor(lambda: [KNOWN, "selfheald case"]))

    opened = await redacted.ensure_pull_request(
        WantedPullRequest(
            repository=make.REPOSITORY,
            head_branch="selfheal-x",
            base_branch="main",
            title=f"Use {KNOWN}",
            body=f"{MARKER}\n\nIt says {KNOWN}.",
            marker=MARKER,
            labels=(),
            reviewers=(),
            draft=False,
        )
    )
    await redacted.close_pull_request(
        make.REPOSITORY, opened.number, comment=f"{MARKER}\n\n{KNOWN} again", marker=MARKER
    )

    kept = await redacted.pull_request(make.REPOSITORY, opened.number)
    assert (kept.title, kept.body) == ("Use [redacted]", f"{MARKER}\n\nIt says [redacted].")
    assert host.comments[make.REPOSITORY, opened.number] == [f"{MARKER}\n\n[redacted] again"]
    assert await redacted.default_branch(make.REPOSITORY) == "main"
    assert await redacted.branch_head(make.REPOSITORY, "main")
