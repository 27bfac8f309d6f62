"""One attempt's questions to Semaphore: held to its workflow, counted, remembered, and their answers made fit."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from selfheald.domain.errors import SelfhealdError
from selfheald.domain.refusal import RefusalKind
from selfheald.domain.tools.pinning import Mistake, OutOfReach, Pinned, pin
from selfheald.domain.tools.reach import Id, Reach
from selfheald.domain.tools.rows import LISTS, found_all, learned, within
from selfheald.domain.zone import Scope
from selfheald.ports import Redact, ToolAnswer, Tools
from selfheald.sandbox.tools.allowance import Allowance, Limits, UsedUpError
from selfheald.sandbox.tools.bounds import as_text, bounded
from selfheald.sandbox.tools.cleaning import Cleaner, Json

PAGES = 10
"""Pages of a list that are looked through for the rows within reach."""

ERROR_LIMIT = 2_000
"""Characters of what Semaphore says when something is wrong."""

ELSEWHERE = "Semaphore's answer is about something other than the failing workflow, and is not shown."

Refused = Callable[[RefusalKind, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """An answer of Semaphore's, cleaned and whole; or what was wrong."""

    structured: Json | None = None
    size: int = 0
    """Characters of it, as JSON."""
    error: str = ""


class Reading:
    """Answers the calls of one attempt."""

    def __init__(
        self,
        tools: Tools,
        scope: Scope,
        *,
        refused: Refused,
        redact: Redact,
        limits: Limits,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tools = tools
        self._reach = Reach.of(scope)
        self._workflow_ids = self._reach.all_of(Id.WORKFLOW)
        self._refused = refused
        self._cleaner = Cleaner(redact)
        self._allowance = Allowance(limits, now, sleep)
        self._memory = _Memory(limits.remembered)
        self._members: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def aclose(self) -> None:
        """Give up every question that is still open."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Answer one call of a tool; whatever is wrong is an answer too."""
        try:
            self._allowance.call()
            asked = await self._pinned(name, arguments)
            if not isinstance(asked, Pinned):
                return self._no(asked)
            page = await self._page(asked)
        except UsedUpError as used_up:
            return _error(str(used_up))
        except SelfhealdError as error:
            return _error(self._said(error.message))
        if page.structured is None:
            return _error(page.error)
        shown = bounded(page.structured, asked)
        return ToolAnswer(text=as_text(shown), structured=shown)

    # ------------------------------------------------------------------------------------------------------- asking

    async def _pinned(self, name: str, arguments: Mapping[str, Any]) -> Pinned | Mistake | OutOfReach:
        """The question, held; what may belong to the failing workflow is looked up, once."""
        asked = pin(name, arguments, self._reach)
        if isinstance(asked, OutOfReach) and asked.may_belong:
            if self._members is None:
                self._members = self._started(self._look_up())
            await asyncio.shield(self._members)
            asked = pin(name, arguments, self._reach)
        return asked

    async def _look_up(self) -> None:
        try:
            for workflow_id in self._workflow_ids:
                async with self._allowance.request():
                    self._reach = self._reach.with_members(await self._tools.members(workflow_id))
        except BaseException:
            self._members = None  # the next one tries again
            raise

    async def _page(self, asked: Pinned) -> _Page:
        """The whole answer, from memory if it is there; the same question is asked once however many wait for it."""
        key = json.dumps([asked.name, asked.arguments], sort_keys=True)
        page = self._memory.get(key)
        if page is None:
            page = self._started(self._fetch(asked))
            self._memory.put(key, page)
        return await asyncio.shield(page)

    async def _fetch(self, asked: Pinned) -> _Page:
        answer = await (self._list(asked) if asked.name in LISTS else self._one(asked))
        if answer.is_error or answer.structured is None:
            return _Page(error=self._said(answer.text or "Semaphore gave no answer"))
        self._reach = self._reach.joined(learned(asked.name, answer.structured))
        return await asyncio.to_thread(self._cleaned, asked.name, answer.structured)

    def _cleaned(self, name: str, structured: Mapping[str, Any]) -> _Page:
        cleaned = self._cleaner.answer(name, structured)
        return _Page(structured=cleaned, size=len(json.dumps(cleaned, ensure_ascii=False)))

    async def _one(self, asked: Pinned) -> ToolAnswer:
        async with self._allowance.request():
            answer = await self._tools.call(asked.name, asked.arguments)
        if answer.is_error or answer.structured is None:
            return answer
        structured = within(asked.name, answer.structured, self._reach)
        return _error(ELSEWHERE) if structured is None else ToolAnswer(text="", structured=structured)

    async def _list(self, asked: Pinned) -> ToolAnswer:
        """A list's rows within reach, from as many pages as it takes: what is not within reach has no pages here."""
        rows: list[Mapping[str, Any]] = []
        cursor, first = "", ToolAnswer(text="")
        for number in range(PAGES):
            arguments = {**asked.arguments, "cursor": cursor} if cursor else asked.arguments
            async with self._allowance.request():
                answer = await self._tools.call(asked.name, arguments)
            if answer.is_error or answer.structured is None:
                return answer
            mine = within(asked.name, answer.structured, self._reach) or {}
            rows += mine[LISTS[asked.name]]
            first = first if number else ToolAnswer(text="", structured=mine)
            following = answer.structured.get("nextCursor") or answer.structured.get("next_cursor")
            if not isinstance(following, str) or following == cursor or found_all(asked.name, rows, self._reach):
                break
            cursor = following
        return ToolAnswer(text="", structured={**(first.structured or {}), LISTS[asked.name]: rows})

    def _started(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name="semaphore-tool")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits is told; if nobody does any more, it is no news

    # ----------------------------------------------------------------------------------------------------- answering

    def _no(self, why: Mistake | OutOfReach) -> ToolAnswer:
        if isinstance(why, OutOfReach):
            self._refused(RefusalKind.TOOL, self._cleaner.text(why.what))
        return _error(self._cleaner.text(why.text))

    def _said(self, text: str) -> str:
        return self._cleaner.text(text)[:ERROR_LIMIT]


class _Memory:
    """The answers of one attempt; the oldest give way. What went wrong is asked again."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._pages: dict[str, asyncio.Task[_Page]] = {}

    def get(self, key: str) -> asyncio.Task[_Page] | None:
        page = self._pages.get(key)
        return None if page is not None and page.done() and not _size(page) else page

    def put(self, key: str, page: asyncio.Task[_Page]) -> None:
        self._pages.pop(key, None)
        self._pages[key] = page
        page.add_done_callback(self._make_room)

    def _make_room(self, _: asyncio.Task[_Page]) -> None:
        sizes = {key: _size(page) for key, page in self._pages.items() if page.done()}
        excess = sum(sizes.values()) - self._room
        for key, size in sizes.items():
            if excess > 0 or not size:
                del self._pages[key]
                excess -= size


def _size(page: asyncio.Task[_Page]) -> int:
    """Characters of an answer that is there; none of one that went wrong."""
    return 0 if page.cancelled() or page.exception() is not None else page.result().size


def _error(text: str) -> ToolAnswer:
    return ToolAnswer(text=text, is_error=True)
