"""A branch as GitHub has it."""

from dataclasses import dataclass

from selfheald.domain.ids import Sha

SKIPS_CI = ("[skip ci]", "[ci skip]")
"""What in a commit's message keeps Semaphore from building a push."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchHead:
    """The newest commit of a branch."""

    commit: Sha
    message: str = ""

    @property
    def skips_ci(self) -> bool:
        """Whether Semaphore does not build it, so that the branch's newest failure is an older one's."""
        return any(mark in self.message.lower() for mark in SKIPS_CI)
