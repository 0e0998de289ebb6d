"""POST /webhooks/<source>: read within limits, prove, store on the disk, and only then answer 200.

What cannot be stored now is 429 with Retry-After and never 5xx: Brevo discards an event on any 5xx, and on any 4xx but 429.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from . import http, providers
from .amazon import Certificates, get
from .bodies import Content, TooLargeError, content_of, opened
from .configuration import Configuration
from .metrics import Metrics
from .quarantine import Quarantine
from .segment import FullError
from .spool import Spool
from .verification import FOREIGN_TOPIC, NOT_CONFIRMED, NotNowError, Refused, Request, sns

log = logging.getLogger(__name__)

WEBHOOKS = "sillage_collector_webhooks_total"
# Postmark stops at 403: it stands for what only SNS can do wrong.
FORBIDDEN = {FOREIGN_TOPIC, NOT_CONFIRMED}
CHALLENGE = (b"www-authenticate", b'Basic realm="sillage"')
RETRY_FULL, RETRY_BUSY = b"60", b"5"
BODIES_BYTES = 64 << 20
LOGGED_A_MINUTE = 10


class _NeedsCertificateError(Exception):
    """Amazon's certificate of this URL has to be fetched first, which would block."""


class Webhooks:
    """Takes the webhooks of the configured sources."""

    def __init__(
        self,
        configuration: Configuration,
        spool: Spool,
        quarantine: Quarantine,
        certificates: Certificates,
        metrics: Metrics,
    ) -> None:
        self._configuration = configuration
        self._spool = spool
        self._quarantine = quarantine
        self._certificates = certificates
        self._metrics = metrics
        self._room = http.BodyRoom(max(BODIES_BYTES, 2 * max(configuration.body_limits.values(), default=0)))
        self._minute, self._logged = 0.0, 0

    async def handle(self, scope: http.Scope, receive: http.Receive, send: http.Send, source: str) -> None:
        """Answer one request."""
        method = scope["method"]
        if source not in self._configuration.sources:
            await http.answer(send, 404, is_head=method == "HEAD")
            self._metrics.count(WEBHOOKS, source="other", answer="unknown_source")
        elif method == "HEAD":
            # Mandrill asks so at its set-up.
            await http.answer(send, 200, is_head=True)
        elif method != "POST":
            await http.answer(send, 405, [(b"allow", b"POST, HEAD")])
        else:
            await self._post(scope, receive, send, source)

    async def _post(self, scope: http.Scope, receive: http.Receive, send: http.Send, source: str) -> None:
        address = http.client_address(scope, self._configuration.proxies)
        limit = self._configuration.body_limits[source]
        try:
            body = await http.read_body(scope, receive, limit, self._room, address)
        except http.BodyError as error:
            retry = [(b"retry-after", RETRY_BUSY)] if error.status == 429 else []
            await self._answer(send, source, error.status, error.reason, retry)
            return
        try:
            await self._take(scope, send, source, body, limit, address)
        finally:
            if body:
                self._room.give_back(address, len(body))

    async def _take(
        self, scope: http.Scope, send: http.Send, source: str, body: bytes, limit: int, address: str
    ) -> None:
        told = http.headers(scope)
        try:
            content = opened(body, told.get("content-encoding", "").strip().lower(), limit)
        except TooLargeError:
            await self._answer(send, source, 413, "too_large")
            return
        request = Request(told, content, time.time())
        try:
            document = await self.verified(source, request)
            if document is not None and document["Type"] == sns.SUBSCRIPTION:
                await asyncio.get_running_loop().run_in_executor(None, get, str(document["SubscribeURL"]))
                log.info("The subscription of %s is confirmed.", document["TopicArn"])
                await self._answer(send, source, 200, "confirmed")
                return
            await self.store(source, content_of(source, request))
        except Refused as refusal:
            await self._refuse(send, source, request, refusal, address)
        except NotNowError as error:
            self._complain("%s: %s", source, error)
            await self._answer(send, source, 429, "not_verifiable_now", [(b"retry-after", RETRY_FULL)])
        except FullError as error:
            self._complain("%s: %s", source, error.strerror)
            await self._answer(send, source, 429, "full", [(b"retry-after", RETRY_FULL)])
        else:
            self._metrics.count("sillage_collector_webhook_bytes_total", len(content), source=source)
            await self._answer(send, source, 200, "stored")

    async def verified(self, source: str, request: Request) -> Mapping[str, object] | None:
        """Raise Refused unless the request is genuine; returns the message where it came by SNS. Raises NotNowError."""
        credentials = self._configuration.sources[source]
        try:
            return providers.verify(source, request, credentials, self._known_certificate)
        except _NeedsCertificateError as needed:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, self._certificates.fetch, str(needed))
            return providers.verify(source, request, credentials, self._known_certificate)

    async def store(self, source: str, content: Content) -> None:
        """Return once the content is on the disk. Raises FullError."""
        if content.apart:
            await self._spool.store_apart(source, content.apart)
        elif content.lines:
            await self._spool.store(source, content.lines)

    def _known_certificate(self, url: str) -> bytes:
        found = self._certificates.known(url)
        if found is None:
            raise _NeedsCertificateError(url)
        return found

    async def _refuse(self, send: http.Send, source: str, request: Request, refusal: Refused, address: str) -> None:
        self._complain("A webhook of %s is refused: %s.", source, refusal)
        if self._quarantine.may_keep(address, len(request.body)):
            loop = asyncio.get_running_loop()
            try:
                if await loop.run_in_executor(None, self._quarantine.keep, source, refusal.reason, request):
                    self._metrics.count("sillage_collector_quarantined_total", source=source)
            except OSError as error:
                self._complain("The quarantine takes nothing: %s.", error)
        is_forbidden = refusal.reason in FORBIDDEN
        await self._answer(
            send, source, 403 if is_forbidden else 401, refusal.reason, [] if is_forbidden else [CHALLENGE]
        )

    async def _answer(self, send: http.Send, source: str, status: int, reason: str, fields: http.Headers = ()) -> None:
        self._metrics.count(WEBHOOKS, source=source, answer=reason)
        await http.answer(send, status, fields)

    def _complain(self, message: str, *arguments: object) -> None:
        """Log it, unless this minute has told enough."""
        now = time.monotonic()
        if now - self._minute > 60:
            self._minute, self._logged = now, 0
        self._logged += 1
        if self._logged <= LOGGED_A_MINUTE:
            log.warning(message, *arguments)
