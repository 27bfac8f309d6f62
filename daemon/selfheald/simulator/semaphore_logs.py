"""The face of job logs: whole for jobs in the cloud, elsewhere and in parts for self-hosted ones."""

import hashlib

from selfheald.simulator.faults import FaultKind
from selfheald.simulator.semaphore_asking import Answer, Ask, as_json, as_text, not_found
from selfheald.simulator.state import Job

NEVER_STARTED = "This job never started, so no logs were produced."


def get_logs(ask: Ask) -> Answer:
    """``GET /logs/:job_id``."""
    job = ask.organization.jobs.get(ask.segments["id"])
    if job is None:
        return not_found()
    if not job.pipeline.project.visible:
        return as_text("Permission denied", status=401)
    if job.started_at is None or ask.fault is FaultKind.MISSING_LOG:
        return as_json(NEVER_STARTED, status=404)
    if job.self_hosted or ask.fault is FaultKind.SELF_HOSTED_LOGS:
        return Answer(status=302, headers={"location": f"http://{ask.host}/api/v1/logs/{job.id}?jwt={ticket(job)}"})
    return as_json({"events": job.events}, headers={"content-type": "application/json"})


def get_self_hosted_logs(ask: Ask) -> Answer:
    """Where a self-hosted job's log is: ``next`` counts the events while it grows, and is null once it is whole."""
    job = ask.organization.jobs.get(ask.segments["id"])
    if job is None:
        return as_text(f"Logs for {ask.segments['id']} not found", status=404)
    if ask.params.get("jwt") != ticket(job):
        return as_text("Unauthorized", status=401)
    start = str(ask.params.get("token", "0"))
    events = job.events[int(start) if start.isdigit() else 0 :]
    following = None if job.state == "finished" else len(job.events)
    return as_json({"events": events, "next": following}, headers={"content-type": "application/json"})


def ticket(job: Job) -> str:
    """Lets in whoever has the address; the real one is a signed token that lives five minutes."""
    return hashlib.sha256(job.id.encode()).hexdigest()
