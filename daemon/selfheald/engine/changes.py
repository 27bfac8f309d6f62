"""Asks git which files changed, for conditions with ``change_in``."""

from collections.abc import Mapping, Sequence

import structlog

from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.errors import SelfhealdError
from selfheald.domain.ids import Slug
from selfheald.ports import Repositories

log = structlog.get_logger()


async def read_changes(
    repositories: Repositories, repository: Slug, ranges: Sequence[CommitRange]
) -> Mapping[CommitRange, RangeChanges] | None:
    """What git says about the ranges; ``None`` when it cannot be read: the decision is put off then."""
    try:
        return {wanted: await repositories.changes_in_range(repository, wanted) for wanted in ranges}
    except SelfhealdError as error:
        log.warning("changed_files_unreadable", repository=repository, error=error.message)
        return None
