"""A token or key that stands in the environment or in a file, never in the configuration."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from selfheald.domain.errors import ConfigError

_LARGEST = 64 * 1024  # Bytes: far above any key, and a bound against a wrong path.
_Stamp = tuple[int, int, int]


class NoSecretError(ConfigError):
    """There is no secret where it should stand, or nobody of this user may read it."""


class Secret:
    """Where a secret stands. It is read when it is needed, and never shown.

    A file is read again when it changes, so that a rotated token is used at once.
    """

    __slots__ = ("_environ", "_file", "_name", "_one_line", "_seen", "_shown", "_stamp", "_value")

    def __init__(
        self,
        *,
        name: str = "",
        environ: Mapping[str, str] | None = None,
        file: Path | None = None,
        one_line: bool = True,
        shown: bool = True,
    ) -> None:
        """Take a variable's name with its environment, or a file. A key file has several lines.

        Its name is not ``shown`` when it may be the secret itself, put in the wrong place.
        """
        self._name = name
        self._environ = environ or {}
        self._file = file
        self._one_line = one_line
        self._shown = shown
        self._value = ""
        self._stamp: _Stamp | None = None
        self._seen: dict[str, None] = {}

    @property
    def source(self) -> str:
        """Where it stands, for people."""
        return f"the file {self._file}" if self._file else f"the environment variable {self._name}"

    @property
    def place(self) -> str:
        """Its variable or file alone, for lists."""
        return str(self._file or self._name) if self._shown else "(a name that may be the secret itself)"

    def read(self) -> str:
        """Give the secret as it is now.

        Raises :class:`ConfigError`, which says what to do; :class:`NoSecretError` when there is none.
        """
        stamp: _Stamp | None = None
        if self._file:
            value, stamp = self._from_file(self._file)
        else:
            value = self._environ.get(self._name, "").strip()
        if not value:
            state = "is empty" if self._file or self._name in self._environ else "is not set"
            raise NoSecretError(f"{self.source} {state}; put the secret there")
        if self._one_line and not (value.isascii() and value.isprintable() and " " not in value):
            raise ConfigError(f"{self.source} holds more than one word of plain characters; put only the secret there")
        self._value, self._stamp = value, stamp
        self._seen[value] = None
        return value

    def seen(self) -> Iterator[str]:
        """Every value that was read so far, also former ones: what logs must not show."""
        return iter(tuple(self._seen))

    def _from_file(self, file: Path) -> tuple[str, _Stamp]:
        try:
            with file.open("rb") as content:
                status = os.fstat(content.fileno())
                stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
                if stamp == self._stamp:
                    return self._value, stamp
                return content.read(_LARGEST).decode().strip(), stamp
        except OSError as error:
            raise NoSecretError(f"{self.source} cannot be read: {error.strerror}; put the secret there") from None
        except ValueError:
            raise ConfigError(f"{self.source} holds no text; put the secret there") from None

    def __eq__(self, other: object) -> bool:
        """Two secrets are the same if they stand at the same place, whatever their values."""
        return isinstance(other, Secret) and (self._name, self._file) == (other._name, other._file)

    def __hash__(self) -> int:
        return hash((self._name, self._file))

    def __repr__(self) -> str:
        return f"Secret({self.source})"
