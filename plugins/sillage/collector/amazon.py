"""What the collector fetches from Amazon: certificates of SNS, and the URL that confirms a subscription."""

from __future__ import annotations

import hashlib
import http.client
import logging
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from .verification import NotNowError
from .verification.sns import is_amazon_url, is_certificate_url

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5
ANSWER_LIMIT = 1 << 16
# After a failure nobody waits for the next try in vain.
PAUSE_SECONDS = 10.0


class Certificates:
    """Amazon's certificates by URL: in memory, in a folder that outlives a restart, else fetched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, bytes] = {}
        self._failed_at: dict[str, float] = {}

    def known(self, url: str) -> bytes | None:
        """The PEM of `url` where it needs no fetching."""
        if url not in self._known and is_certificate_url(url):
            try:
                self._known[url] = self._file(url).read_bytes()
            except OSError:
                return None
        return self._known.get(url)

    def fetch(self, url: str) -> bytes:
        """The PEM of `url`; blocks for up to 5 s. Raises NotNowError where Amazon does not answer."""
        found = self.known(url)
        if found:
            return found
        if time.monotonic() - self._failed_at.get(url, -PAUSE_SECONDS) < PAUSE_SECONDS:
            raise NotNowError("Amazon's certificate could not be fetched a moment ago")
        try:
            content = get(url)
        except NotNowError:
            # Only Amazon's hosts come this far; a sender could still name files without end.
            if len(self._failed_at) > 100:
                self._failed_at.clear()
            self._failed_at[url] = time.monotonic()
            raise
        self._known[url] = content
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            half = self._file(url).with_suffix(".new")
            half.write_bytes(content)
            half.rename(self._file(url))
        except OSError as error:
            log.warning("The certificate cannot be kept in %s (%s): it is fetched again.", self._folder, error.strerror)
        return content

    def _file(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()}.pem"


def get(url: str) -> bytes:
    """The answer of Amazon's host to GET `url`: no redirects, 64 KiB at most, 5 s. Blocks. Raises NotNowError."""
    if not is_amazon_url(url):
        raise NotNowError("not a URL of Amazon's")
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(
        parts.netloc, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
    )
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        answer = connection.getresponse()
        content = answer.read(ANSWER_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise NotNowError(f"{parts.netloc} does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise NotNowError(f"{parts.netloc} answers {answer.status}")
    return content
