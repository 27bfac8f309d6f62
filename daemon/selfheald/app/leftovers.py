"""What a killed daemon left behind: programs, and what lies in its attempts' folders."""

import asyncio
from pathlib import Path

import structlog

from selfheald.ports import Repositories
from selfheald.sandbox.family import end_all_of, owner_of
from selfheald.sandbox.limiter import remove_groups

log = structlog.get_logger()

UNFINISHED = ("tree", "home", "selfheald-verify-*")
"""What an attempt removes at its end: the work tree, and the private homes of the agent and of the checks."""


async def remove_leftovers(state_dir: Path, repositories: Repositories) -> None:
    """End the programs of attempts that were cut off; remove their control groups, work trees and homes.

    Only for whoever holds the state folder's lock, before it starts an attempt: then nobody works in them.
    """
    owner = owner_of(state_dir)
    programs = await end_all_of(owner)
    await remove_groups(owner)
    found = await asyncio.to_thread(_leftovers, state_dir)
    for path in found:
        await repositories.discard(path)
    if found or programs:
        log.info("leftovers_removed", programs=programs, paths=[str(path.relative_to(state_dir)) for path in found])


def _leftovers(state_dir: Path) -> list[Path]:
    return [path for name in UNFINISHED for path in state_dir.glob(f"attempts/*/{name}")]
