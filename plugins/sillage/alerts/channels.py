"""Where messages go, and Airflow's notifiers that bring them there.

Each notifier reads an Airflow connection; it is made of the setting for the moment of sending, in this process's environment, so
that nothing has to be set up in Airflow and no scheduler or database is needed. A notifier is called past its templating: what a
message quotes is other people's text, and a `{{` in it must stay one.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ..settings import Settings

if TYPE_CHECKING:
    from .message import Message

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 8
CONNECTION = "sillage_alert"
VARIABLE = f"AIRFLOW_CONN_{CONNECTION.upper()}"
SMTPS_PORT, SUBMISSION_PORT = 465, 587
_LONG_WORD = re.compile(r"[\w-]{12,}")
# Not of logging's own tree, which Airflow sets up anew when it is imported.
SILENT = logging.Logger("silent", level=logging.CRITICAL + 1)
SILENT.addHandler(logging.NullHandler())
NAMES = ("SILLAGE_ALERT_URL", "SILLAGE_ALERT_SLACK", "SILLAGE_ALERT_MAIL", "SILLAGE_ALERT_APPRISE")


def is_configured(environment: Mapping[str, str]) -> bool:
    """Whether `environment` names anyone to send to."""
    return any(environment.get(name) for name in NAMES)


class UnsentError(RuntimeError):
    """A message that a channel did not take; the message says why."""


@dataclass(frozen=True)
class Channels:
    """The settings that name receivers; empty ones are off."""

    url: str = ""
    slack: str = ""
    mail: str = ""
    apprise: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Channels:
        """Those of `settings`."""
        return cls(settings.alert_url, settings.alert_slack, settings.alert_mail, settings.alert_apprise)

    @property
    def secrets(self) -> list[str]:
        """What must stand in no log and in no message: a webhook's URL often is its password, as a whole or by a long word of it."""
        values = [value for value in (self.url, self.slack, self.mail, self.apprise) if value]
        words = [word for value in values for url in value.split() for word in _LONG_WORD.findall(_after_host(url))]
        return [*values, *words, *(password for value in values if (password := urlsplit(value).password))]

    def send(self, message: Message) -> int:
        """Send `message` to every channel; returns how many took it. What a channel refuses is logged and raises nothing."""
        taken = 0
        for channel in fields(self):
            value = getattr(self, channel.name)
            if not value:
                continue
            try:
                SENDERS[channel.name](value, message)
                taken += 1
            except Exception as error:  # each notifier's library has its own; none of them may reach a run
                log.error(
                    "An alert could not be sent by SILLAGE_ALERT_%s (%s): %s",
                    channel.name.upper(),
                    type(error).__name__,
                    message.without_secrets(str(error)),
                )
        return taken


def _after_host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path} {parts.query}"


@contextmanager
def _connection(**parts: Any) -> Iterator[str]:
    """An Airflow connection for the block, known to this process alone; its id."""
    os.environ[VARIABLE] = json.dumps(parts)
    try:
        yield CONNECTION
    finally:
        del os.environ[VARIABLE]


@contextmanager
def _silent(*classes: Any) -> Iterator[None]:
    """Airflow's `classes` log nothing in the block: they would tell the URL that did not answer, and that often is a password.

    What went wrong is told by `Channels.send`.
    """
    before = [one._log for one in classes]
    for one in classes:
        one._log = SILENT
    try:
        yield
    finally:
        for one, kept in zip(classes, before, strict=True):
            one._log = kept


def _send_http(url: str, message: Message) -> None:
    from airflow.providers.http.hooks.http import HttpHook
    from airflow.providers.http.notifications.http import HttpNotifier

    with _connection(conn_type="http", host=url) as connection_id, _silent(HttpHook, HttpNotifier):
        HttpNotifier(
            http_conn_id=connection_id,
            json=message.as_json(),
            headers={"Content-Type": "application/json"},
            extra_options={"timeout": TIMEOUT_SECONDS},
        ).notify({})


def _send_slack(url: str, message: Message) -> None:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    with (
        _connection(conn_type="slackwebhook", password=url) as connection_id,
        _silent(SlackWebhookHook, SlackWebhookNotifier),
    ):
        SlackWebhookNotifier(
            slack_webhook_conn_id=connection_id, text=message.text, timeout=TIMEOUT_SECONDS, unfurl_links=False
        ).notify({})


def _send_mail(url: str, message: Message) -> None:
    """`smtp[s]://user:password@host:port?from=...&to=...`; smtp speaks STARTTLS unless `tls=off`."""
    from html import escape

    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    parts, asked = urlsplit(url), dict(parse_qsl(urlsplit(url).query))
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or not asked.get("to"):
        raise UnsentError("write smtp://user:password@host:587?from=sillage@example.com&to=oncall@example.com")
    is_tls = parts.scheme == "smtps"
    extra = {
        "disable_ssl": not is_tls,
        "disable_tls": is_tls or asked.get("tls") == "off",
        "timeout": TIMEOUT_SECONDS,
        "retry_limit": 0,
    }
    with _connection(
        conn_type="smtp",
        host=parts.hostname,
        port=parts.port or (SMTPS_PORT if is_tls else SUBMISSION_PORT),
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        extra=extra,
    ) as connection_id:
        SmtpNotifier(
            to=asked["to"].split(","),
            from_email=asked.get("from") or asked["to"].split(",")[0],
            subject=message.title,
            html_content=f"<pre style='white-space: pre-wrap'>{escape(message.text)}</pre>",
            smtp_conn_id=connection_id,
        ).notify({})


def _send_apprise(urls: str, message: Message) -> None:
    """One or more of Apprise's URLs, with spaces between them. What became of them stands in Apprise's own log alone."""
    from airflow.providers.apprise.notifications.apprise import AppriseNotifier
    from apprise import NotifyType

    config = [{"path": url, "tag": "all"} for url in urls.split()]
    with _connection(conn_type="apprise", extra={"config": config}) as connection_id:
        AppriseNotifier(
            body=message.text,
            title=message.title,
            notify_type=NotifyType.SUCCESS if message.is_over else NotifyType.FAILURE,
            apprise_conn_id=connection_id,
        ).notify({})


SENDERS: Mapping[str, Callable[[str, Message], None]] = {
    "url": _send_http,
    "slack": _send_slack,
    "mail": _send_mail,
    "apprise": _send_apprise,
}
