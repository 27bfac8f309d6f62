"""What comes from outside, plain and without secrets."""

from datetime import UTC, datetime

from tests.builders import attempt, branch, failed_job, failure, pipeline

from selfheald.domain.attempt import Usage
from selfheald.domain.finding import Finding, GuardAction
from selfheald.domain.hygiene import redacted_attempt, redacted_failure, redacted_pipeline, redacted_texts
from selfheald.domain.refusal import Refusal, RefusalKind

CANARY = "canary"


def without_canaries(text: str) -> str:
    return text.replace(CANARY, "[redacted]")


def learning(text: str) -> str:
    """Takes out what the text itself calls a secret."""
    secret = text.partition("secret=")[2].split()[0] if "secret=" in text else "\0\0"
    return text.replace(secret, "[redacted]")


def swallowing(text: str) -> str:
    """Takes out all from a beginning to an end, wherever they stand."""
    before, begun, rest = text.partition("BEGIN")
    return before + "[redacted]" + rest.partition("END")[2] if begun else text


def test_every_text_of_a_failure_is_plain_and_redacted() -> None:
    job = failed_job(name="a canary", block="b canary", log="\x1b[1mcan\x1b[0mary\n", log_note="c canary")
    built = pipeline(ref=branch("wip/canary"), name="d canary", error="e canary", commit_message="f canary")

    cleaned = redacted_failure(failure(pipeline=built, jobs=(job, job)), without_canaries)

    assert CANARY not in repr(cleaned)
    assert [one.log for one in cleaned.jobs] == ["[redacted]\n", "[redacted]\n"]
    assert cleaned.jobs[1].name == "a [redacted]"
    assert cleaned.pipeline.commit_message == "f [redacted]"
    assert (cleaned.pipeline.id, cleaned.pipeline.ref) == (built.id, branch("wip/[redacted]"))


def test_what_one_log_calls_a_secret_is_taken_out_of_the_others() -> None:
    jobs = (failed_job(log="secret=q7 told"), failed_job(log="it is q7"))

    assert [job.log for job in redacted_failure(failure(jobs=jobs), learning).jobs] == [
        "secret=[redacted] told",
        "it is [redacted]",
    ]


def test_what_goes_over_the_end_of_a_text_swallows_no_other() -> None:
    assert redacted_texts(["a BEGIN", "b", "END c"], swallowing) == ["a [redacted]", "b", "END c"]


def test_what_identifies_a_pipeline_stays() -> None:
    built = pipeline(id="canary-1", name="canary", error="canary", commit_message="canary", workflow_id="canary-2")

    cleaned = redacted_pipeline(built, without_canaries)

    assert (cleaned.id, cleaned.workflow_id) == ("canary-1", "canary-2")
    assert cleaned.name == cleaned.error == cleaned.commit_message == "[redacted]"


def test_every_text_of_an_attempt_is_redacted() -> None:
    made = attempt(
        finished_at=datetime.now(UTC),
        summary="canary",
        message="canary",
        note="canary",
        usage=Usage(model="canary"),
        usages=(Usage(model="canary", input_tokens=7),),
        refusals=(Refusal(kind=RefusalKind.EGRESS, what="canary:443"),),
        findings=(Finding(rule="r", path="canary", line=1, action=GuardAction.NOTE, text="canary"),),
    )

    cleaned = redacted_attempt(made, without_canaries)

    assert CANARY not in repr(cleaned)
    assert cleaned.usages[0].input_tokens == 7
