"""The parts of a request: whose address it is, and how much room bodies have."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from sillage.collector.http import BodyError, BodyRoom, client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("caller", "forwarded", "address"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),  # who is no proxy is not believed
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_only_trusted_proxies_are_believed(caller: str, forwarded: str, address: str) -> None:
    scope = {"client": (caller, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    assert client_address(scope, PROXIES) == address


def test_two_headers_are_one_list() -> None:
    scope = {
        "client": ("10.0.0.1", 1),
        "headers": [(b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"203.0.113.9")],
    }
    assert client_address(scope, PROXIES) == "203.0.113.9"


def test_one_address_has_half_of_the_room() -> None:
    room = BodyRoom(100)
    room.take("a", 50)
    with pytest.raises(BodyError):
        room.take("a", 1)
    room.take("b", 40)
    with pytest.raises(BodyError):
        room.take("c", 11)
    room.give_back("a", 50)
    room.take("c", 11)
    for address, size in (("b", 40), ("c", 11)):
        room.give_back(address, size)
    room.take("a", 50)
