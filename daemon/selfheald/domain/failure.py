"""What made a pipeline fail."""

from dataclasses import dataclass

from selfheald.domain.ids import JobId
from selfheald.domain.pipeline import Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJob:
    """A job that did not pass, with the end of its log."""

    id: JobId
    name: str
    block: str
    result: str
    """``failed`` or ``stopped``."""
    log: str
    """The end of the job's log as plain text, bounded; untrusted. Empty when there is none."""
    log_note: str = ""
    """Why there is no log, or that its beginning was left out; empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed pipeline with the jobs that failed in it."""

    pipeline: Pipeline
    jobs: tuple[FailedJob, ...]

    @property
    def job_names(self) -> tuple[str, ...]:
        """The failed jobs' names, in the pipeline's order."""
        return tuple(job.name for job in self.jobs)
