"""One attempt's passage."""

import socket
from collections.abc import Callable, Mapping
from typing import Protocol

from selfheald.domain.errors import TransientError
from selfheald.domain.zone import Metered


class Door(Protocol):
    """What answers at a port inside."""

    def serve(self, listener: socket.socket) -> None:
        """Answer at this listening socket from now on; it is closed with the door."""

    async def aclose(self) -> None:
        """Answer no more; what is under way is cut off."""


class OpenPassage:
    """See :class:`selfheald.ports.Passage`."""

    def __init__(
        self,
        *,
        token: str,
        model_url: str,
        tools_url: str,
        proxy_url: str,
        doors: Mapping[int, Door],
        metered: Callable[[], Metered],
    ) -> None:
        self.token = token
        self.model_url = model_url
        self.tools_url = tools_url
        self.proxy_url = proxy_url
        self.metered = metered
        self._doors = doors
        self._open = True

    @property
    def doors(self) -> tuple[int, ...]:
        """The ports at which the sandbox has to listen."""
        return tuple(self._doors)

    async def serve(self, door: int, listener: socket.socket) -> None:
        """Answer at this listening socket; see :class:`selfheald.ports.Passage`."""
        if not self._open:
            listener.close()
            raise TransientError("serving a door of an attempt: its passage is closed")
        self._doors[door].serve(listener)

    def close(self) -> None:
        """Take no more listening sockets."""
        self._open = False
