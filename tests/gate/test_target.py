"""What a program may ask a proxy for."""

import pytest

from selfheald.sandbox.gate.egress.target import absolute_target, tunnel_target


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("registry.example.com:443", "registry.example.com:443"),
        ("REGISTRY.example.com.:8443", "registry.example.com:8443"),
        ("10.0.0.1:5000", "10.0.0.1:5000"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
    ],
)
def test_a_tunnel_leads_to_a_host_and_a_port(text: str, host: str) -> None:
    target = tunnel_target(text)

    assert (str(target.host), target.path) == (host, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "registry.example.com",
        "registry.example.com:",
        "registry.example.com:0",
        "registry.example.com:65536",
        "registry.example.com:443:443",
        ":443",
        "user@registry.example.com:443",
        "registry.example.com:443/path",
        "http://registry.example.com:443",
        "registry.example.com%00.evil.example:443",
        "registry.example.com:4\u06613",
        "[fe80::1%eth0]:443",
        "[registry.example.com]:443",
        "a..example.com:443",
    ],
)
def test_a_tunnel_leads_nowhere_else(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - also the standard library's words
        tunnel_target(text)


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("http://registry.example.com", "registry.example.com:80", "/"),
        ("HTTP://registry.example.com/a/b?c=d", "registry.example.com:80", "/a/b?c=d"),
        ("http://registry.example.com:8080/", "registry.example.com:8080", "/"),
        ("http://registry.example.com?c=http://other.example/", "registry.example.com:80", "/?c=http://other.example/"),
        ("http://[2001:db8::1]:81/x", "[2001:db8::1]:81", "/x"),
    ],
)
def test_an_address_is_taken_apart(text: str, host: str, path: str) -> None:
    target = absolute_target(text)

    assert (str(target.host), target.path) == (host, path)


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "*",
        "https://registry.example.com/",
        "ftp://registry.example.com/",
        "http:registry.example.com/",
        "http:///path",
        "http://user:password@registry.example.com/",
        "http://registry.example.com:x/",
        "http://registry.example.com\\@evil.example/",
        "http://registry.example.com/#part",
    ],
)
def test_other_addresses_are_not_taken(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - also the standard library's words
        absolute_target(text)
