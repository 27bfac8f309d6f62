"""What is wrong with a configuration, and where."""

from collections.abc import Iterable
from dataclasses import dataclass

from selfheald.domain.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""The way to a value: ``("projects", 0, "name")``."""

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
"""What YAML and JSON can say."""

_LONGEST = 2000  # Characters of a mistake's text: enough for every list of allowed keys, which a test holds.


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing that is wrong. Its text never holds a secret's value."""

    where: str
    """``file:line``, or the variable's name."""
    rank: tuple[int, int]
    """Orders mistakes as they stand in the file; variables come after it."""
    path: KeyPath
    text: str

    def __str__(self) -> str:
        words = [self.where, dotted(self.path), " ".join(self.text.split())[:_LONGEST]]
        return ": ".join(word for word in words if word)


class MistakesError(ConfigError):
    """The configuration has mistakes; each is one line of the message."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: (mistake.rank, mistake.where, str(mistake))))
        super().__init__("\n".join(dict.fromkeys(str(mistake) for mistake in self.mistakes)))


def dotted(path: KeyPath) -> str:
    """Write a key as people do: ``projects[0].limits.cooldown``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
