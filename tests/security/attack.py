"""What an attack is, and how its protection is switched off."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfheald.domain.limits import Limit, SandboxLimits
from tests.security.scene import Aftermath

WIDE = SandboxLimits()
"""Limits that no attack of the suite reaches: each bounds itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weakness:
    """A protection switched off: everything else is as ever."""

    drop: Mapping[str, int] = field(default_factory=dict)
    """Options of bubblewrap that are left out, with how many values each has."""
    add: tuple[str, ...] = ()
    """Options of bubblewrap that are added at the end. ``{word}`` stands for a place of the scene."""
    limits: SandboxLimits | None = None
    egress: bool = False
    """The test's listener is in the allow-list."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What the program is told besides."""
    naive: bool = False
    """No sandbox at all: the program is started as any child, with the daemon's environment."""


def without(*options: str) -> Weakness:
    """Bubblewrap without these options."""
    return Weakness(drop={option: VALUES.get(option, 0) for option in options})


VALUES = {"--seccomp": 1, "--cap-drop": 1, "--hostname": 1, "--dev": 1}
"""How many values an option has, where it has any."""

PRIVILEGED = Weakness(
    drop={"--cap-drop": 1, "--disable-userns": 0, "--uid": 1, "--gid": 1},
    add=("--uid", "0", "--gid", "0", "--cap-add", "ALL"),
)
"""All capabilities over the sandbox's own namespaces."""

UNFILTERED = replace(PRIVILEGED, drop={**PRIVILEGED.drop, "--seccomp": 1})
"""The same, with every system call."""

NAIVE = Weakness(naive=True)


def canary_told(after: Aftermath) -> bool:
    """The program has said what it could not know."""
    return after.scene.canary in after.said


def program_won(after: Aftermath) -> bool:
    """The program has done what it could not do; its own word, given only when the kernel did it."""
    return "WON" in after.said.split()


def program_told(after: Aftermath) -> bool:
    """Its failure stands in the transcript."""
    return "LOST" in after.said


def limit_named(limit: Limit) -> Callable[[Aftermath], bool]:
    """The attempt's outcome names the limit."""
    return lambda after: after.limit is limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack by a program in the sandbox."""

    name: str
    tries: str
    """What it wants, for the table in the documents."""
    held_by: str
    """What stops it, for the table."""
    program: str
    """Python; ``S`` holds what the attacker knows of the scene: places, numbers."""
    off: Weakness
    won: Callable[[Aftermath], bool] = canary_told
    seen: Callable[[Aftermath], bool] = program_told
    """How it is visible afterwards."""
    seen_as: str = "transcript"
    """The same, for the table."""
    limits: SandboxLimits = WIDE
    """With the protection on."""
    possible: bool = True
    """Whether this machine's kernel offers what is attacked; else there is nothing to be shown here."""


def titles(attacks: Sequence[Attack]) -> list[str]:
    """The names of attacks."""
    return [attack.name for attack in attacks]
