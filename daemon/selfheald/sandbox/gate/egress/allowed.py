"""What ``egress`` allows: names and ports, and the addresses that they may lead to. Pure."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LOCALHOST = "localhost"

METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",  # most clouds; as all link-local addresses
            "fd00:ec2::254",  # Amazon
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle
        ),
    )
)
"""Where a cloud gives a machine's credentials to whoever asks from it. Some of them look like any other address."""

CARRYING_IPV4 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96")))
"""IPv6 networks whose last four bytes are an IPv4 address, besides those that the standard library knows."""

THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
"""Linux takes its addresses for the machine itself."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host and port as somebody named them, in one form for all ways to write it."""

    name: str
    port: int

    @classmethod
    def of(cls, name: str, port: int) -> Self:
        """Read a name or an address. Raises ValueError for what is neither."""
        try:
            return cls(str(ipaddress.ip_address(name)), port)
        except ValueError:
            return cls(name.removesuffix(".").encode("idna").decode().lower(), port)

    @property
    def address(self) -> Address | None:
        """The address, when it is one and not a name."""
        try:
            return ipaddress.ip_address(self.name)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class Egress:
    """The allow-list."""

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        self._hosts = frozenset(Host.of(name, port) for name, port in entries)

    def allows(self, host: Host) -> bool:
        """Whether somebody may ask for this host and port."""
        return host in self._hosts

    def reaches(self, host: Host, address: Address) -> bool:
        """Whether an allowed host may be looked for at this address.

        A name may be pointed anywhere by whoever runs its domain. So none leads to the machine itself, to its links or
        to a cloud's credentials; who wants that writes the address into ``egress``, or ``localhost``.
        """
        if host.address is not None:
            return host.address == address
        if host.name == LOCALHOST:
            return address.is_loopback
        return not any(_is_off_limits(one) for one in (address, *_carried(address)))


def _is_off_limits(address: Address) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address in METADATA
        or (isinstance(address, ipaddress.IPv4Address) and (address.is_reserved or address in THIS_NETWORK))
    )


def _carried(address: Address) -> Iterable[Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if not isinstance(address, ipaddress.IPv6Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    yield from address.teredo or ()
    if any(address in network for network in CARRYING_IPV4):
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
