"""The faces of projects and of jobs: two services with paging and errors of their own."""

import uuid
from itertools import islice

from selfheald.simulator import semaphore_wire as wire
from selfheald.simulator.faults import FaultKind
from selfheald.simulator.semaphore_asking import Answer, Ask, as_gateway, as_grpc, as_json, as_message
from selfheald.simulator.state import Job

PROJECTS_PER_PAGE = 500
LAST_PROJECTS_PAGE = 100
JOBS_PER_PAGE = 30
"""The default, and the most."""

INVALID_ARGUMENT, NOT_FOUND = 3, 5
"""gRPC's codes."""


def list_projects(ask: Ask) -> Answer:
    """``GET /projects``: pages first, then drops what the token may not see, so a page may be short or empty."""
    written = str(ask.params.get("page", "1"))
    if not written.removeprefix("-").isdigit():
        return as_message("page must be a number", status=400)
    number = int(written)
    if number < 1:
        return as_message("page must be at least 1", status=400)
    if number > LAST_PROJECTS_PAGE:
        return as_message(f"page must be at most {LAST_PROJECTS_PAGE}", status=400)
    known = list(ask.organization.projects.values())
    end = number * PROJECTS_PER_PAGE
    page = [project for project in known[end - PROJECTS_PER_PAGE : end] if project.visible]
    if ask.fault is FaultKind.EMPTY_LIST:
        page = []
    more = str(end < len(known)).lower()
    return as_json([wire.project(each) for each in page], headers={"x-page": str(number), "x-has-more": more})


def describe_project(ask: Ask) -> Answer:
    """``GET /projects/:name``: by name alone."""
    name = ask.segments["id"]
    project = next((project for project in ask.organization.projects.values() if project.name == name), None)
    if project is None:
        return as_message("Not found", status=404)
    if not project.visible:
        return as_message("Unauthorized", status=401)
    return as_json(wire.project(project))


def list_jobs(ask: Ask) -> Answer:
    """``GET /jobs``: of the whole organization, newest first; none at all without ``states``."""
    size, token = str(ask.params.get("page_size", JOBS_PER_PAGE)), str(ask.params.get("page_token", ""))
    if not size.isdigit():
        return as_grpc(INVALID_ARGUMENT, f"strconv.ParseInt: parsing {size}: invalid syntax")
    if int(size) > JOBS_PER_PAGE:
        return as_grpc(INVALID_ARGUMENT, f"Page size can't exceed {JOBS_PER_PAGE}")
    states = {value.lower() for name, value in ask.query if name == "states"}
    start, most = int(token) if token.isdigit() else 0, int(size) or JOBS_PER_PAGE
    if ask.fault is FaultKind.EMPTY_LIST:
        states = set()
    chosen = (job for job in reversed(ask.organization.jobs.values()) if job.state in states and _visible(job))
    page = list(islice(chosen, start, start + most + 1))
    following = str(start + most) if len(page) > most else ""
    return as_gateway({"jobs": [wire.job(job) for job in page[:most]], "next_page_token": following})


def describe_job(ask: Ask) -> Answer:
    """``GET /jobs/:id``."""
    job = _job(ask)
    return job if isinstance(job, Answer) else as_gateway(wire.job(job))


def stop_job(ask: Ask) -> Answer:
    """``POST /jobs/:id/stop``."""
    job = _job(ask)
    if isinstance(job, Answer):
        return job
    if job.state != "finished":
        job.finish("stopped")
    return as_gateway({})


def no_handler(_: Ask) -> Answer:
    """The gateway has no such method: what ``/workflows`` answers, and the tasks of this simulator."""
    return as_grpc(NOT_FOUND, "Not Found")


def _job(ask: Ask) -> Job | Answer:
    job_id = ask.segments["id"]
    try:
        uuid.UUID(job_id)
    except ValueError:
        return as_grpc(INVALID_ARGUMENT, f"Invalid id: {job_id}")
    job = ask.organization.jobs.get(job_id)
    return job if job is not None and _visible(job) else as_grpc(NOT_FOUND, f"Job {job_id} not found")


def _visible(job: Job) -> bool:
    return job.pipeline.project.visible
