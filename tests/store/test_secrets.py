"""What people and agents wrote is stored without its secrets."""

from dataclasses import replace
from pathlib import Path

from tests import builders as make

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState, advance
from selfheald.domain.decision import Heal, Skip
from selfheald.domain.reasons import Reason
from selfheald.redaction.redactor import Redactor
from selfheald.store.open import open_store

KNOWN = "a-known-secret-77"
TOLD = {"name": f"x {KNOWN}", "error": f"y {KNOWN}", "commit_message": f"z {KNOWN}"}


async def test_no_secret_comes_into_the_file(path: Path) -> None:
    async with await open_store(path, redact=Redactor(lambda: [KNOWN])) as store:
        built, other = make.pipeline(**TOLD), make.pipeline(id="ppl-2", **TOLD)
        fresh = await store.journal.record(make.PROJECT, [built, other], cursor=make.NOW, now=make.NOW)
        skip = Skip(reason=Reason.CONDITION_FALSE, saw=f"saw {KNOWN}")
        await store.journal.decide(make.PROJECT, other, skip, now=make.NOW, new_case=None)
        wanted = make.new_case(pipeline=built)
        case = await store.journal.decide(make.PROJECT, built, Heal(approval=False), now=make.NOW, new_case=wanted)
        assert case
        attempt = await store.cases.start_attempt(case, agent=make.AGENT, folder="attempts/1-1", now=make.NOW)
        ended = replace(attempt, outcome=AttemptOutcome.CRASHED, finished_at=make.NOW, note=KNOWN, message=KNOWN)
        await store.cases.finish_attempt(ended)
        after = advance(case, CaseState.CANCELLED, now=make.NOW, reason=Reason.CANCELLED, summary=f"use {KNOWN}")
        assert await store.cases.save(case, after, note=f"because of {KNOWN}")

        verdict = await store.journal.verdict(other.id)
        kept = await store.cases.case(case.id)
    assert fresh[0].commit_message == "z [redacted]"
    assert verdict
    assert verdict.saw == "saw [redacted]"
    assert kept
    assert kept.summary == "use [redacted]"
    everything = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert KNOWN.encode() not in everything
    assert everything.count(b"[redacted]") >= 9


async def test_pipelines_that_were_redacted_are_no_news_the_next_time(path: Path) -> None:
    async with await open_store(path, redact=Redactor(lambda: [KNOWN])) as store:
        built = make.pipeline(**TOLD)
        await store.journal.record(make.PROJECT, [built], cursor=make.NOW, now=make.NOW)

        assert not await store.journal.record(make.PROJECT, [built], cursor=make.NOW, now=make.NOW)
