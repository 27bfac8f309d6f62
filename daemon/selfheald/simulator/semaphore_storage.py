"""Artifacts: the API's list of them, and the storage behind their signed addresses."""

import hashlib
from collections.abc import Mapping
from urllib.parse import quote, unquote

from selfheald.simulator.semaphore_asking import Answer, Ask, as_json, as_text, not_found
from selfheald.simulator.state import Organization
from selfheald.simulator.world import World

STORAGE = "/storage/"

ADDRESS_SECONDS = 20 * 60
"""For how long a signed address works."""

Files = Mapping[str, bytes]


def list_artifacts(ask: Ask) -> Answer:
    """``GET /artifacts``: one level."""
    found = _asked(ask)
    if isinstance(found, Answer):
        return found
    return as_json({"artifacts": rows(found, str(ask.params.get("path", "")))})


def sign_artifact(ask: Ask) -> Answer:
    """``GET /artifacts/signed_url``."""
    found, path = _asked(ask), str(ask.params.get("path", ""))
    if isinstance(found, Answer):
        return found
    if path not in found:
        return as_text("Not Found", status=404)
    url = signed_url(ask.world, ask.host, str(ask.params["scope"]), str(ask.params["scope_id"]), path)
    return as_json({"items": [{"path": path, "url": url}]})


def _asked(ask: Ask) -> Files | Answer:
    if "artifacts_api" not in ask.organization.features:
        return as_text("The artifacts api feature is not enabled for your organization.", status=403)
    found = files_of(ask.organization, str(ask.params.get("scope")), str(ask.params.get("scope_id")))
    return not_found() if found is None else found


def files_of(organization: Organization, scope: str, scope_id: str) -> Files | None:
    """The files of a job or workflow; ``None`` when the token may not see it. A project has none here."""
    if scope == "jobs":
        job = organization.jobs.get(scope_id)
        return job.artifacts if job is not None and job.pipeline.project.visible else None
    if scope == "workflows":
        workflow = organization.workflows.get(scope_id)
        return workflow.artifacts if workflow is not None and workflow.project.visible else None
    return {} if scope == "projects" and scope_id in organization.projects else None


def rows(files: Files, path: str) -> list[dict[str, object]]:
    """The files and folders right below a path; a folder has no size."""
    prefix = f"{path.strip('/')}/" if path.strip("/") else ""
    found: dict[str, dict[str, object]] = {}
    for name, content in sorted(files.items()):
        if name.startswith(prefix):
            first, deeper, _ = name.removeprefix(prefix).partition("/")
            row: dict[str, object] = {"name": first, "path": prefix + first, "is_directory": bool(deeper)}
            found[first] = row if deeper else {**row, "size": len(content)}
    return list(found.values())


def signed_url(world: World, host: str, scope: str, scope_id: str, path: str, method: str = "GET") -> str:  # noqa: PLR0917 - what is signed
    """An address that works for 20 minutes, by one method, without a token."""
    place = f"{STORAGE}{scope}/{scope_id}/{quote(path)}"
    until = int(world.clock().timestamp()) + ADDRESS_SECONDS
    return f"http://{host}{place}?X-Goog-Expires={until}&X-Goog-Signature={_signature(place, method, until)}"


def storage_answer(
    world: World, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> Answer:
    """What is behind a signed address."""
    until = query.get("X-Goog-Expires", "")
    if "authorization" in headers:
        return as_text("<Error><Code>InvalidArgument</Code></Error>", status=400)
    if not until.isdigit() or query.get("X-Goog-Signature") != _signature(quote(path), method, int(until)):
        return as_text("<Error><Code>SignatureDoesNotMatch</Code></Error>", status=403)
    if int(until) < world.clock().timestamp():
        return as_text("<Error><Code>ExpiredToken</Code></Error>", status=400)
    scope, scope_id, name = path.removeprefix(STORAGE).split("/", 2)
    for organization in world.organizations.values():
        content = (files_of(organization, scope, scope_id) or {}).get(unquote(name))
        if content is not None:
            return Answer(body=content)
    return as_text("<Error><Code>NoSuchKey</Code></Error>", status=404)


def _signature(place: str, method: str, until: int) -> str:
    return hashlib.sha256(f"{method} {place} {until}".encode()).hexdigest()
