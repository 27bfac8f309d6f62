"""The pages: ``/metrics``, ``/healthz``, ``/readyz``, and ``/`` with links to them. They change nothing."""

import asyncio
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from selfheald import __version__
from selfheald.web.metrics import Metrics
from selfheald.web.serving import serve_web

__all__ = ["serve_web", "web_app"]

_INDEX = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>selfheald</title>
<h1>selfheald {__version__}</h1>
<ul>
<li><a href="metrics">/metrics</a>: for Prometheus
<li><a href="healthz">/healthz</a>: whether the process is alive
<li><a href="readyz">/readyz</a>: whether every organization was contacted
</ul>
</html>
"""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def web_app(metrics: Metrics, not_ready: Callable[[], Sequence[str]]) -> Starlette:
    """Make the application. ``not_ready`` names the organizations that were not contacted yet."""

    async def index(_: Request) -> Response:
        return HTMLResponse(_INDEX, headers={**_HEADERS, "Content-Security-Policy": "default-src 'none'"})

    async def numbers(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        # Thousands of projects are megabytes of text: the loop goes on meanwhile.
        text = await asyncio.to_thread(encode, _without_birthdays(metrics.registry))
        return Response(text, headers={**_HEADERS, "Content-Type": content_type})

    async def alive(_: Request) -> Response:
        # That the loop turns is what this answer proves.
        return PlainTextResponse("ok\n", headers=_HEADERS)

    async def ready(_: Request) -> Response:
        missing = not_ready()
        if missing:
            return PlainTextResponse(f"not yet contacted: {', '.join(missing)}\n", 503, headers=_HEADERS)
        return PlainTextResponse("ok\n", headers=_HEADERS)

    pages = {"/": index, "/metrics": numbers, "/healthz": alive, "/readyz": ready}
    return Starlette(routes=[Route(path, page, methods=["GET"]) for path, page in pages.items()])


class _WithoutBirthdays(Collector):
    """Leaves out the ``…_created`` series, which double the page and are of no use here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Sequence[Metric]:
        """Give the families without those samples."""
        families = list(self._registry.collect())
        for family in families:
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        return families


def _without_birthdays(registry: CollectorRegistry) -> CollectorRegistry:
    page = CollectorRegistry(auto_describe=False)
    page.register(_WithoutBirthdays(registry))
    return page
