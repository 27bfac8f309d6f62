"""What must not leave the machine. Pure; it looks at paths, the contents come later."""

from collections.abc import Sequence

from selfheald.domain.globs import matches
from selfheald.domain.proposal import TreeChanges


def protected_files(changes: TreeChanges, protected_paths: Sequence[str]) -> tuple[str, ...]:
    """The changed files that match a protected path."""
    return tuple(
        change.path for change in changes.files if any(matches(pattern, change.path) for pattern in protected_paths)
    )
