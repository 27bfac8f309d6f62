"""Artifacts and test reports by Semaphore's REST API, in the shapes of its MCP server's tools.

Only some installations have this API. Every method raises as :meth:`SemaphoreClient.ask` does.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from selfheald.domain.errors import NotFoundError, RefusedError
from selfheald.semaphore import decode
from selfheald.semaphore.client import Answer, Question, SemaphoreClient
from selfheald.semaphore.tools.shapes import Shape, artifact

MOST = 1000
"""Rows of one folder that are told."""

_JSON, _XML = "application/json", "application/xml"
_REPORTS = "test-results"

JOB_REPORTS: Sequence[tuple[str, str]] = (("mcp-summary.json", _JSON), ("junit.xml", _XML), ("junit.json", _JSON))
"""Names that a job's test report may have, the shortest report first."""

PIPELINE_REPORTS: Sequence[tuple[str, str]] = (
    ("{}-mcp-summary.json", _JSON),
    ("{}-summary.json", _JSON),
    ("{}.json", _JSON),
)
"""Those of a pipeline, among its workflow's artifacts."""

JOB_LOGS = ("agent/job_logs.txt", "agent/job_logs.txt.gz")


class Artifacts:
    """The artifacts of one organization."""

    def __init__(self, client: SemaphoreClient) -> None:
        self._client = client

    async def listed(self, scope: str, scope_id: str, path: str = "") -> list[Shape]:
        """The files and folders right below a path."""
        query = {"scope": scope, "scope_id": scope_id, **({"path": path} if path else {})}
        question = Question(
            operation="list_artifacts",
            what=f"listing the artifacts of {scope} {scope_id}",
            path=f"/artifacts?{urlencode(query)}",
        )
        return await self._client.ask(question, _rows)

    async def signed(self, scope: str, scope_id: str, path: str) -> str:
        """An address from which a file can be read without a token, for some minutes."""
        query = {"scope": scope, "scope_id": scope_id, "path": path, "method": "GET"}
        question = Question(
            operation="sign_artifact",
            what=f"finding artifact {path} of {scope} {scope_id}",
            path=f"/artifacts/signed_url?{urlencode(query)}",
        )
        return await self._client.ask(question, _url)

    async def job_report(self, job_id: str) -> Shape:
        """The test report of a job."""
        return {"scope": "job", **await self._report("jobs", job_id, JOB_REPORTS)}

    async def pipeline_report(self, pipeline_id: str, workflow_id: str) -> Shape:
        """The test report of a pipeline, which is kept with its workflow."""
        names = [(name.format(pipeline_id), kind) for name, kind in PIPELINE_REPORTS]
        return {"scope": "pipeline", **await self._report("workflows", workflow_id, names)}

    async def job_log(self, job_id: str) -> tuple[str, str]:
        """The log that a job's agent uploaded: its path and its address."""
        there = {row["path"].strip("/") for row in await self.listed("jobs", job_id, "agent")}
        for path in JOB_LOGS:
            if path in there:
                return path, await self.signed("jobs", job_id, path)
        raise NotFoundError("artifact path not found: the agents of this project do not upload job logs")

    async def _report(self, scope: str, scope_id: str, names: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
        there = {row["name"] for row in await self.listed(scope, scope_id, _REPORTS)}
        for name, kind in names:
            if name in there:
                path = f"{_REPORTS}/{name}"
                url = await self.signed(scope, scope_id, path)
                return {"artifactUrl": url, "path": path, "compression": "none", "content_type": kind}
        raise NotFoundError(f"no test result artifacts found in {scope} {scope_id}: its tests are not published")


def _rows(answer: Answer) -> list[Shape]:
    payload = decode.obj(answer.json(), "the answer")
    rows = [decode.obj(row, "artifacts") for row in decode.items(payload.get("artifacts") or [], "artifacts")]
    return [artifact(row) for row in rows[:MOST]]


def _url(answer: Answer) -> str:
    payload = decode.obj(answer.json(), "the answer")
    for item in decode.items(payload.get("items") or [], "items"):
        if url := decode.text(decode.obj(item, "items"), "url"):
            return url
    raise RefusedError("Semaphore named no address for this artifact")
