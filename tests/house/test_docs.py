"""The documents hang together: links lead somewhere, nothing is hidden, and metrics are those that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.clock import ManualClock
from tests.house.checkout import README, ROOT, code, files, shown, tables

from selfheald.web.metrics import Metrics

PAGES = [path for path in files() if path.suffix == ".md" and path.is_relative_to(ROOT / "docs")]
DOCUMENTS = [*PAGES, *(path for path in files() if path.suffix == ".md" and path.parent == ROOT)]
METRICS = ROOT / "docs" / "metrics.md"

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_METRIC = re.compile(r"\bselfheald_[a-z_]+[a-z]")


@pytest.mark.parametrize("document", DOCUMENTS, ids=shown)
def test_every_link_leads_to_a_file_and_heading_that_exist(document: Path) -> None:
    broken = [link for link in links(document) if not leads_somewhere(document, link)]

    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = {README}, [README]
    while waiting:
        document = waiting.pop()
        linked = {(document.parent / link.partition("#")[0]).resolve() for link in links(document)}
        fresh = {path for path in linked if path.suffix == ".md" and path.is_file()} - reached
        reached |= fresh
        waiting += fresh

    assert [shown(page) for page in PAGES if page not in reached] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=shown)
def test_every_metric_that_is_named_exists(document: Path) -> None:
    named = set(_METRIC.findall(document.read_text(encoding="utf-8")))

    assert named <= metrics()


def test_every_metric_is_explained() -> None:
    (rows,) = (rows for rows in tables(METRICS.read_text(encoding="utf-8")) if rows[0][0] == "metric")

    assert {code(row[0]) for row in rows[1:]} == metrics()


def links(document: Path) -> Iterator[str]:
    """The links of a document to other files or headings of this checkout."""
    text = document.read_text(encoding="utf-8")
    return (link for link in _LINK.findall(text) if not re.match(r"\w+:", link))


def leads_somewhere(document: Path, link: str) -> bool:
    """Whether the file, and the heading in it, are there."""
    name, _, heading = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    if not target.is_file() or not target.is_relative_to(ROOT):
        return False
    return not heading or heading in anchors(target)


def anchors(document: Path) -> set[str]:
    """The headings of a document as GitHub links to them."""
    headings = _HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def metrics() -> set[str]:
    """The metrics that the daemon has, by the names that Prometheus sees."""
    families = Metrics(ManualClock()).registry.collect()
    endings = {"counter": "_total", "info": "_info"}
    return {f"{family.name}{endings.get(family.type, '')}" for family in families}
