"""Paging by ``page`` and ``page_size``, with the ``link`` header that Semaphore builds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import urlencode

from selfheald.simulator.semaphore_asking import Ask

PIPELINES_PER_PAGE = 30
"""Semaphore's default for pipelines and workflows; it has no upper bound."""

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which page of how many."""

    number: int
    size: int
    total: int

    @classmethod
    def clamped(cls, total: int, *, number: int, size: int) -> Self:
        """A page past the end is the last page; no things at all are still one page."""
        return cls(number=min(number, max(1, -(-total // size))), size=size, total=total)

    @property
    def total_pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // self.size))

    def of(self, things: Sequence[Thing]) -> Sequence[Thing]:
        """The things on this page."""
        return things[(self.number - 1) * self.size : self.number * self.size]

    def headers(self, ask: Ask) -> dict[str, str]:
        """The headers of the answer."""
        return {
            "link": self._links(ask),
            "total": str(self.total),
            "per-page": str(self.size),
            "total-pages": str(self.total_pages),
            "page-number": str(self.number),
        }

    def _links(self, ask: Ask) -> str:
        wanted = {"next": self.number + 1, "prev": self.number - 1, "first": 1, "last": self.total_pages}
        return ", ".join(
            f'<{_address(ask, page)}>; rel="{rel}"' for rel, page in wanted.items() if 1 <= page <= self.total_pages
        )


def asked_page(ask: Ask, total: int) -> Paging:
    """The page that a request for pipelines or workflows asks for."""
    return Paging.clamped(
        total,
        number=positive(ask.params.get("page"), default=1),
        size=positive(ask.params.get("page_size"), default=PIPELINES_PER_PAGE),
    )


def positive(text: object, *, default: int) -> int:
    """What Semaphore's pipelines make of a page number: anything but a positive integer is the default."""
    written = str(text)
    return int(written) if written.isascii() and written.isdigit() and int(written) > 0 else default


def _address(ask: Ask, page: int) -> str:
    """The address of a page: always http, keys in alphabetical order, and of a repeated key only the last."""
    query = dict(ask.query) | {"page": str(page)}
    return f"http://{ask.host}{ask.path}?{urlencode(sorted(query.items()))}"
