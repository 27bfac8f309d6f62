"""What comes from outside, made plain and without its secrets before it goes anywhere. Pure: `redact` is given."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from selfheald.domain.attempt import Attempt
from selfheald.domain.failure import FailedJob, Failure
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.plain import plain

Redact = Callable[[str], str]

_BETWEEN = "\n\0\n"
"""Stands between texts that are looked at as one; plain texts have no such character."""


def redacted_failure(failure: Failure, redact: Redact) -> Failure:
    """Make a failure plain and redacted; its texts as one: what one log calls a secret, the other may just print."""
    pipeline = failure.pipeline
    texts = [pipeline.ref.name, pipeline.name, pipeline.error, pipeline.commit_message]
    for job in failure.jobs:
        texts += [job.name, job.block, job.log, job.log_note]
    cleaned = iter(redacted_texts([plain(text) for text in texts], redact))
    ref = replace(pipeline.ref, name=next(cleaned))
    return Failure(
        pipeline=replace(pipeline, ref=ref, name=next(cleaned), error=next(cleaned), commit_message=next(cleaned)),
        jobs=tuple(_job(job, [next(cleaned) for _ in range(4)]) for job in failure.jobs),
    )


def _job(job: FailedJob, texts: Sequence[str]) -> FailedJob:
    name, block, log, log_note = texts
    return replace(job, name=name, block=block, log=log, log_note=log_note)


def redacted_texts(texts: Sequence[str], redact: Redact) -> list[str]:
    """Redact plain texts as one; each alone where a secret goes over the end of one, as an unended key may."""
    together = redact(_BETWEEN.join(texts)).split(_BETWEEN)
    return together if len(together) == len(texts) else [redact(text) for text in texts]


def redacted_pipeline(pipeline: Pipeline, redact: Redact) -> Pipeline:
    """Redact what people write: names, messages. What identifies a pipeline, its branch too, stays."""
    return replace(
        pipeline,
        name=redact(pipeline.name),
        error=redact(pipeline.error),
        commit_message=redact(pipeline.commit_message),
    )


def redacted_attempt(attempt: Attempt, redact: Redact) -> Attempt:
    """Redact what an agent, or whoever it met, may have written."""
    return replace(
        attempt,
        summary=redact(attempt.summary),
        message=redact(attempt.message),
        note=redact(attempt.note),
        usage=replace(attempt.usage, model=redact(attempt.usage.model)),
        usages=tuple(replace(usage, model=redact(usage.model)) for usage in attempt.usages),
        refusals=tuple(replace(refusal, what=redact(refusal.what)) for refusal in attempt.refusals),
        findings=tuple(
            replace(finding, path=redact(finding.path), text=redact(finding.text)) for finding in attempt.findings
        ),
    )
