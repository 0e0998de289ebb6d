"""What readers ask for: links, pixels, opt-out, consent, the mirror page. A reader is never punished for a fault of ours."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

from sillage.links import mirror, tokens
from sillage.links.tokens import Keyring, Token, TokenError

from . import events, http, pages
from .configuration import Configuration
from .forms import form_fields
from .handing_on import Outbox
from .metrics import Metrics
from .modes import Mode, Modes
from .segment import FullError
from .spool import Spool
from .verification import Request

log = logging.getLogger(__name__)

TRACKED = "sillage_collector_tracked_total"
CANONICAL = "canonical"
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
GIF_HEADERS = (
    (b"content-type", b"image/gif"),
    (b"cache-control", b"no-store, no-cache, must-revalidate, max-age=0"),
)
REDIRECT_HEADERS = (
    (b"cache-control", b"no-store, private"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex"),
)
# The stored message is a stranger's HTML on our host: it runs nothing, and its links work.
MIRROR_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; script-src 'none'",
    ),
    *REDIRECT_HEADERS,
    (b"x-content-type-options", b"nosniff"),
)
FORM_LIMIT = 16 << 10
MIRROR_LIMIT = 4 << 20
NAMES = {
    tokens.CLICK: "click",
    tokens.OPEN: "open",
    tokens.OPT_OUT: "opt_out",
    tokens.MIRROR: "mirror_page",
    tokens.CONSENT: "consent",
}
READING, POSTING = ("GET", "HEAD"), ("GET", "HEAD", "POST")
Answer = Callable[[http.Scope, http.Receive, http.Send, str], Awaitable[None]]


class Tracking:
    """The answers to readers."""

    def __init__(
        self,
        configuration: Configuration,
        spool: Spool,
        keyring: Keyring,
        modes: Modes,
        outbox: Outbox,
        metrics: Metrics,
    ) -> None:
        self._configuration = configuration
        self._spool = spool
        self._keyring = keyring
        self._modes = modes
        self._outbox = outbox
        self._metrics = metrics
        self._room = http.BodyRoom(8 << 20)
        self._answers: dict[str, tuple[tuple[str, ...], Answer]] = {
            tokens.CLICK: (READING, self._click),
            tokens.OPEN: (READING, self._open),
            tokens.OPT_OUT: (POSTING, self._opt_out),
            tokens.MIRROR: (READING, self._mirror),
            tokens.CONSENT: (POSTING, self._consent),
        }

    async def handle(self, scope: http.Scope, receive: http.Receive, send: http.Send, kind: str, text: str) -> None:
        """Answer a request of `/<kind>/<text>`."""
        methods, respond = self._answers[kind]
        if scope["method"] in methods:
            await respond(scope, receive, send, text)
        else:
            await http.answer(send, 405, [(b"allow", ", ".join(methods).encode())])

    async def _click(self, scope: http.Scope, _: http.Receive, send: http.Send, text: str) -> None:
        is_head = scope["method"] == "HEAD"
        token = self._read(tokens.CLICK, text)
        if token is None:
            await self._page(scope, send, 404, "unknown")
            return
        if _is_expired(token):
            self._metrics.count(TRACKED, kind="click", outcome="expired")
            if self._configuration.expired_url:
                await self._redirect(send, self._configuration.expired_url, is_head=is_head)
            else:
                await self._page(scope, send, 410, "expired")
            return
        await self._record("click", scope, token)
        await self._redirect(send, token.destination, is_head=is_head)

    async def _open(self, scope: http.Scope, _: http.Receive, send: http.Send, text: str) -> None:
        # A broken picture would harm the sender, so the picture comes whatever the token is.
        token = self._read(tokens.OPEN, text.removesuffix(".gif"))
        if token is not None:
            if _is_expired(token):
                self._metrics.count(TRACKED, kind="open", outcome="expired")
            else:
                await self._record("open", scope, token)
        await http.answer(send, 200, GIF_HEADERS, GIF, is_head=scope["method"] == "HEAD")

    async def _mirror(self, scope: http.Scope, _: http.Receive, send: http.Send, text: str) -> None:
        token = self._read(tokens.MIRROR, text)
        html = None
        if token is not None:
            html = await asyncio.get_running_loop().run_in_executor(None, self._stored_message, token)
        if token is None or html is None:
            await self._page(scope, send, 404, "unknown")
            return
        if _is_expired(token):
            self._metrics.count(TRACKED, kind="mirror_page", outcome="expired")
            await self._page(scope, send, 410, "expired")
            return
        await self._record("mirror_page", scope, token)
        await http.answer(send, 200, MIRROR_HEADERS, html, is_head=scope["method"] == "HEAD")

    async def _opt_out(self, scope: http.Scope, receive: http.Receive, send: http.Send, text: str) -> None:
        token = self._read(tokens.OPT_OUT, text)
        if scope["method"] != "POST":
            await self._page(scope, send, 200, "opt_out")
            return
        fields = await self._fields(scope, receive, send)
        if fields is None:
            return
        # RFC 8058 names the one field of the mail provider's POST; the other is our button's.
        is_meant = fields.get("List-Unsubscribe") == "One-Click" or fields.get("action") == "unsubscribe"
        # An unknown token gets the same answer: nobody learns which ones are genuine.
        if is_meant and token is not None and not await self._decided(scope, send, token, "opt_out"):
            return
        await self._page(scope, send, 200, "opted_out" if is_meant else "opt_out")

    async def _consent(self, scope: http.Scope, receive: http.Receive, send: http.Send, text: str) -> None:
        token = self._read(tokens.CONSENT, text)
        recipient = token.recipient if token else ""
        if scope["method"] != "POST":
            is_off = bool(recipient) and self._modes.of_recipient(recipient) > Mode.INDIVIDUAL
            await self._page(scope, send, 200, "give" if is_off else "withdraw")
            return
        fields = await self._fields(scope, receive, send)
        if fields is None:
            return
        action = fields.get("action")
        if token is not None and recipient and action in ("withdraw", "give"):
            mode = Mode.INDIVIDUAL if action == "give" else Mode[self._configuration.withdrawn_mode.upper()]
            try:
                # First what takes effect at once; the event may be tried again.
                await asyncio.get_running_loop().run_in_executor(None, self._modes.set_recipients, [recipient], mode)
            except OSError as error:
                log.error("A change of consent cannot be stored: %s.", error)
                await self._later(scope, send)
                return
            if not await self._decided(scope, send, token, "tracking_consent", {"given": action == "give"}):
                return
        await self._page(scope, send, 200, "give" if action == "withdraw" else "withdraw")

    async def _decided(
        self,
        scope: http.Scope,
        send: http.Send,
        token: Token,
        event_type: str,
        members: Mapping[str, object] | None = None,
    ) -> bool:
        """Store what a reader decided, synced, and hand it on; False where it could not be, which is answered then."""
        line = events.line(
            event_type, token, method="POST", user_agent=http.header(scope, b"user-agent"), members=members
        )
        try:
            await self._spool.store(CANONICAL, line)
            await asyncio.get_running_loop().run_in_executor(None, self._outbox.append, line)
        except FullError as error:
            log.error("%s: %s.", event_type, error.strerror)
            await self._later(scope, send)
            return False
        self._metrics.count(TRACKED, kind=NAMES[token.kind], outcome="recorded")
        return True

    async def _record(self, event_type: str, scope: http.Scope, token: Token) -> None:
        """Write the event as far as delivery, recipient and token let it be known."""
        mode = self.mode(token)
        if mode == Mode.OFF:
            self._metrics.count(TRACKED, kind=event_type, outcome="off")
            return
        is_anonymous = mode == Mode.ANONYMOUS
        line = events.line(
            event_type,
            token,
            method=scope["method"],
            ip="" if is_anonymous else http.client_address(scope, self._configuration.proxies),
            user_agent=http.header(scope, b"user-agent"),
            is_anonymous=is_anonymous,
        )
        if self._configuration.durable_clicks:
            try:
                await self._spool.store(CANONICAL, line)
            except FullError:
                self._spool.write(CANONICAL, line)
        else:
            self._spool.write(CANONICAL, line)
        self._metrics.count(TRACKED, kind=event_type, outcome="anonymous" if is_anonymous else "recorded")

    def mode(self, token: Token) -> Mode:
        """How the holder of `token` is tracked: the strictest of what token, delivery and recipient say."""
        if not token.is_recorded:
            return Mode.OFF
        said = max(
            self._modes.of_delivery(token.delivery),
            self._modes.of_recipient(token.recipient) if token.recipient else Mode.UNSAID,
        )
        return max(said, Mode.ANONYMOUS if token.is_anonymous else Mode.INDIVIDUAL)

    def _read(self, kind: str, text: str) -> Token | None:
        try:
            return self._keyring.read(kind, text)
        except TokenError as error:
            self._metrics.count(TRACKED, kind=NAMES[kind], outcome=error.reason)
            return None

    async def _fields(self, scope: http.Scope, receive: http.Receive, send: http.Send) -> dict[str, str] | None:
        """The fields of a small form; None where its body is not taken, which is answered then."""
        address = http.client_address(scope, self._configuration.proxies)
        try:
            body = await http.read_body(scope, receive, FORM_LIMIT, self._room, address)
        except http.BodyError as error:
            await http.answer(send, error.status, [(b"retry-after", b"5")] if error.status == 429 else [])
            return None
        if body:
            self._room.give_back(address, len(body))
        told = http.headers(scope)
        if told.get("content-type", "").lower().startswith("multipart/"):
            return form_fields(Request(told, body, 0.0))
        return {
            name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace"), max_num_fields=None).items()
        }

    def _stored_message(self, token: Token) -> bytes | None:
        """The message as it was sent: the recipient's own where it is kept, else the delivery's. Blocks."""
        folder = self._configuration.home / "mirror"
        for parts in ((token.delivery, token.message), (token.delivery, token.recipient), (token.delivery,)):
            if all(parts):
                try:
                    with (folder / mirror.file_of(*parts)).open("rb") as stream:
                        return stream.read(MIRROR_LIMIT)
                except OSError:
                    continue
        return None

    async def _redirect(self, send: http.Send, url: str, *, is_head: bool) -> None:
        fields = [(b"location", tokens.location(url).encode("ascii")), *REDIRECT_HEADERS]
        await http.answer(send, 302, fields, is_head=is_head)

    async def _later(self, scope: http.Scope, send: http.Send) -> None:
        body = pages.page("later", http.header(scope, b"accept-language"))
        await http.answer(send, 429, [*pages.HEADERS, (b"retry-after", b"60")], body)

    async def _page(self, scope: http.Scope, send: http.Send, status: int, name: str) -> None:
        body = pages.page(name, http.header(scope, b"accept-language"))
        await http.answer(send, status, pages.HEADERS, body, is_head=scope["method"] == "HEAD")


def _is_expired(token: Token) -> bool:
    return token.is_expired(int(time.time() // 86_400))
