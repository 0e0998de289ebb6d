"""Superset's REST API, as far as importing dashboards and asking charts needs it: the standard library is enough."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import unquote, urlsplit

SECONDS = 120


class ClientError(RuntimeError):
    """Superset refused: the message says what was asked, and what it answered."""


def answers(url: str) -> bool:
    """Whether a server answers 200 at `url`."""
    try:
        with _opener().open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def password_of(url: str) -> str:
    """The password in a database URL."""
    return unquote(urlsplit(url).password or "")


class Session:
    """A user logged in to the Superset at `address`."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self.address = address
        self._open = _opener(CookieJar())
        login = {"username": user, "password": password, "provider": "db", "refresh": False}
        token = self._asked("/api/v1/security/login", json.dumps(login).encode(), {"Content-Type": "application/json"})
        self._headers = {"Authorization": f"Bearer {token['access_token']}", "Referer": address}
        self._headers["X-CSRFToken"] = self.get("/api/v1/security/csrf_token/")["result"]

    def get(self, path: str) -> dict[str, Any]:
        """What `path` answers."""
        return self._asked(path, None, self._headers)

    def post(self, path: str, content: object) -> dict[str, Any]:
        """What `path` answers to `content`, sent as JSON."""
        return self._asked(path, json.dumps(content).encode(), {**self._headers, "Content-Type": "application/json"})

    def import_bundle(self, bundle: bytes, database_file: str, password: str) -> None:
        """Import a zip of dashboards over what is there; the database of `database_file` gets `password`."""
        fields = {"passwords": json.dumps({database_file: password}), "overwrite": "true"}
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="formData"; filename="sillage.zip"\r\n'
            "Content-Type: application/zip\r\n\r\n"
        )
        body = b"".join([*parts, head.encode(), bundle, f"\r\n--{boundary}--\r\n".encode()])
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        self._asked("/api/v1/dashboard/import/", body, {**self._headers, **kind})

    def _asked(self, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
        request = urllib.request.Request(self.address + path, body, headers)  # noqa: S310
        try:
            with self._open.open(request, timeout=SECONDS) as answer:
                content: dict[str, Any] = json.load(answer)
                return content
        except urllib.error.HTTPError as error:
            text = error.read(2000).decode("utf-8", "replace")
            raise ClientError(f"Superset answered {error.code} to {path}: {text}") from None
        except OSError as error:
            raise ClientError(f"Superset at {self.address} does not answer: {error}.") from None


def _opener(cookies: CookieJar | None = None) -> urllib.request.OpenerDirector:
    # No proxy reaches 127.0.0.1.
    handlers: list[Any] = [urllib.request.ProxyHandler({})]
    return urllib.request.build_opener(
        *handlers, *([urllib.request.HTTPCookieProcessor(cookies)] if cookies is not None else [])
    )
