"""The app as Airflow's plugin list holds it: made when the first page is asked for.

Airflow's workers load plugins too, at every task; the app and what it imports would cost each of them seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

Message = MutableMapping[str, Any]


class LazyApp:
    """An ASGI app that makes the real one at its first request."""

    @cached_property
    def app(self) -> FastAPI:
        """The real app."""
        from .app import create_app

        return create_app()

    @property
    def routes(self) -> list[Any]:
        """The real app's routes."""
        return list(self.app.routes)

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Hand the request on."""
        await self.app(scope, receive, send)
