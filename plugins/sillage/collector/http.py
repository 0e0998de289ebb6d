"""The little of HTTP that the collector speaks, on bare ASGI: a request's parts, a bounded body, an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from .configuration import Network

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

# Senders give up after 4 to 15 seconds themselves.
BODY_SECONDS = 15.0


class BodyError(ValueError):
    """A body that is not taken: `status` is the answer, `reason` one word for counting."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class BodyRoom:
    """How many bytes of bodies this process holds at once, and one address of them; more are asked to come again."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._by_address: dict[str, int] = {}

    def take(self, address: str, size: int) -> None:
        """Raises BodyError where there is no room."""
        held = self._by_address.get(address, 0)
        if self._held + size > self._limit or held + size > self._limit // 2:
            raise BodyError(429, "overload")
        self._held += size
        self._by_address[address] = held + size

    def give_back(self, address: str, size: int) -> None:
        """Forget what was taken."""
        self._held -= size
        self._by_address[address] -= size
        if not self._by_address[address]:
            del self._by_address[address]


def header(scope: Scope, name: bytes) -> str:
    """The first header `name` (lower case), empty where it is not there."""
    for found, value in scope["headers"]:
        if found == name:
            return str(value.decode("latin-1"))
    return ""


def headers(scope: Scope) -> dict[str, str]:
    """All headers by name, the first of each."""
    told: dict[str, str] = {}
    for name, value in scope["headers"]:
        told.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return told


def client_address(scope: Scope, proxies: tuple[Network, ...]) -> str:
    """Who asked: the last address that no trusted proxy has, of X-Forwarded-For where the caller is one."""
    address = str((scope.get("client") or ("",))[0])
    if not proxies or not _is_within(address, proxies):
        return address
    told = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    forwarded = [part.strip() for part in told.decode("latin-1").split(",")]
    for hop in reversed(forwarded):
        if not _is_address(hop):
            return address
        address = hop
        if not _is_within(hop, proxies):
            return hop
    return address


async def read_body(scope: Scope, receive: Receive, limit: int, room: BodyRoom, address: str) -> bytes:
    """The whole body. The caller gives `len` of it back to `room`.

    Raises BodyError: 413 over `limit`, 408 after BODY_SECONDS, 429 without room, 400 where the sender went away.
    """
    announced = header(scope, b"content-length")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise BodyError(413, "too_large")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise BodyError(400, "cut_off")
                chunk = message.get("body", b"")
                if size + len(chunk) > limit:
                    raise BodyError(413, "too_large")
                room.take(address, len(chunk))
                size += len(chunk)
                chunks.append(chunk)
                if not message.get("more_body"):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except (TimeoutError, BodyError) as error:
        if size:
            room.give_back(address, size)
        raise BodyError(408, "slow") if isinstance(error, TimeoutError) else error from None


async def answer(send: Send, status: int, fields: Headers = (), body: bytes = b"", *, is_head: bool = False) -> None:
    """Send a whole answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*fields, length]})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


@lru_cache(maxsize=1024)
def _is_within(address: str, networks: tuple[Network, ...]) -> bool:
    if not _is_address(address):
        return False
    found = ip_address(address)
    return any(found.version == network.version and found in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
