"""Which hosts ``egress`` allows, and where they may lead."""

import ipaddress

import pytest

from selfheald.sandbox.gate.egress.allowed import Egress, Host

REGISTRY = ("registry.example.com", 443)


def reaches(name: str, address: str, *entries: tuple[str, int], port: int = 443) -> bool:
    return Egress(entries or [(name, port)]).reaches(Host.of(name, port), ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "name",
    ["registry.example.com", "Registry.EXAMPLE.com", "registry.example.com.", "REGISTRY.example.com."],
)
def test_a_name_is_the_same_however_it_is_written(name: str) -> None:
    assert Egress([REGISTRY]).allows(Host.of(name, 443))
    assert Egress([(name, 443)]).allows(Host.of("registry.example.com", 443))


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("registry.example.com", 80),
        ("example.com", 443),
        ("a.registry.example.com", 443),
        ("registry.example.com.evil.example", 443),
        ("registry-example.com", 443),
        ("registry.example.co", 443),
        ("93.184.216.34", 443),
    ],
)
def test_nothing_else_is_allowed(name: str, port: int) -> None:
    assert not Egress([REGISTRY]).allows(Host.of(name, port))


def test_nothing_is_allowed_by_an_empty_list() -> None:
    assert not Egress([]).allows(Host.of("registry.example.com", 443))


def test_an_international_name_is_the_same_in_both_forms() -> None:
    assert Egress([("bücher.example", 443)]).allows(Host.of("xn--bcher-kva.example", 443))


def test_an_ipv6_address_is_the_same_however_it_is_written() -> None:
    assert Egress([("2001:db8::1", 443)]).allows(Host.of("2001:0DB8:0:0:0:0:0:1", 443))
    assert str(Host.of("2001:0DB8::1", 443)) == "[2001:db8::1]:443"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "255.255.255.255",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "::7f00:1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo for 127.0.0.1
    ],
)
def test_a_name_leads_neither_to_the_machine_nor_to_a_clouds_credentials(address: str) -> None:
    assert not reaches("registry.example.com", address)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "fd00::1",
        "2606:4700::1",
        "64:ff9b::102:304",
    ],
)
def test_a_name_leads_to_public_and_private_addresses(address: str) -> None:
    assert reaches("registry.example.com", address)


def test_localhost_leads_to_this_machine_only() -> None:
    assert reaches("localhost", "127.0.0.1")
    assert reaches("LOCALHOST.", "::1")
    assert not reaches("localhost", "93.184.216.34")
    assert not reaches("my.localhost", "127.0.0.1")


def test_an_address_that_is_written_down_is_meant() -> None:
    assert reaches("127.0.0.1", "127.0.0.1")
    assert reaches("169.254.169.254", "169.254.169.254", port=80)
    assert not reaches("127.0.0.1", "127.0.0.2")


@pytest.mark.parametrize("name", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1"])
def test_odd_ways_to_write_an_address_are_names(name: str) -> None:
    assert Host.of(name, 80).address is None
    assert not Egress([("127.0.0.1", 80)]).allows(Host.of(name, 80))
    assert not reaches(name, "127.0.0.1")


@pytest.mark.parametrize("name", ["a..example.com", "a" * 64 + ".example.com"])
def test_what_is_no_name_is_told(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the standard library's words
        Host.of(name, 443)
