"""What an operator chose for the collector: settings of the environment, and collector.toml with the providers' keys."""

from __future__ import annotations

import ipaddress
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..settings import SettingError, home_folder, surroundings, whole_number
from .providers import PROVIDERS, SNS
from .verification import Credentials

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SOURCE_FIELDS = {"keys", "logins", "bearers", "headers", "topics", "confirm", "url", "body_limit"}
_TOP_FIELDS = {"sources", "pages", "consent", "hand_on", "proxies"}
_OPEN_TO_OTHERS = 0o077
BODY_LIMIT = 16 << 20


@dataclass(frozen=True)
class HandOn:
    """Where opt-outs and withdrawals are told to: a URL, and the secret that signs them (empty: a file alone)."""

    url: str = ""
    secret: str = ""


@dataclass(frozen=True)
class Configuration:
    """Everything the collector was told; paths are absolute."""

    home: Path  # the collector's own folder, on a local disk
    landing: str
    host: str = "127.0.0.1"
    port: int = 8090
    workers: int = 1
    close_seconds: int = 60
    durable_clicks: bool = False
    sources: Mapping[str, Credentials] = field(default_factory=dict)
    body_limits: Mapping[str, int] = field(default_factory=dict)
    proxies: tuple[Network, ...] = ()
    withdrawn_mode: str = "off"
    expired_url: str = ""
    public_url: str = "http://127.0.0.1:8090"  # where readers find it, by which links lead to it
    hand_on: HandOn = field(default_factory=HandOn)

    @property
    def keys_file(self) -> Path:
        """The file of the tokens' keys."""
        return self.home / "token.keys"


def load(environment: Mapping[str, str] | None = None) -> Configuration:
    """The configuration of `environment` (default: the process's, over the checkout's `.env`).

    Raises SettingError with one sentence where something cannot be used.
    """
    given = environment if environment is not None else surroundings()
    home = home_folder(given) / "collector"
    file = Path(given.get("SILLAGE_COLLECTOR_CONFIG") or home / "collector.toml").expanduser().absolute()
    told = _read(file, is_needed=bool(given.get("SILLAGE_COLLECTOR_CONFIG")))
    _assert_known(told, _TOP_FIELDS, file, "collector.toml")
    sources, limits = {}, {}
    for name, section in _table(told, "sources", file).items():
        sources[name], limits[name] = _source(name, section, file)
    consent, pages, hand_on = (_table(told, name, file) for name in ("consent", "pages", "hand_on"))
    mode = consent.get("withdrawn", "off")
    if mode not in ("off", "anonymous"):
        raise SettingError(f'{file}: consent.withdrawn is {mode!r}: write "off" or "anonymous".')
    port = whole_number("SILLAGE_COLLECTOR_PORT", given.get("SILLAGE_COLLECTOR_PORT"), 8090, 1, 65535)
    return Configuration(
        home=home,
        landing=given.get("SILLAGE_LANDING") or str(home_folder(given) / "landing"),
        host=given.get("SILLAGE_COLLECTOR_HOST") or "127.0.0.1",
        port=port,
        workers=whole_number("SILLAGE_COLLECTOR_WORKERS", given.get("SILLAGE_COLLECTOR_WORKERS"), 1, 1, 64),
        close_seconds=whole_number(
            "SILLAGE_COLLECTOR_CLOSE_SECONDS", given.get("SILLAGE_COLLECTOR_CLOSE_SECONDS"), 60, 1, 3600
        ),
        durable_clicks=(given.get("SILLAGE_COLLECTOR_DURABLE_CLICKS") or "0") != "0",
        sources=sources,
        body_limits=limits,
        proxies=_networks(told.get("proxies", []), file),
        withdrawn_mode=str(mode),
        expired_url=_url(pages, "expired", file),
        public_url=given.get("SILLAGE_COLLECTOR_URL") or f"http://127.0.0.1:{port}",
        hand_on=HandOn(_url(hand_on, "url", file), _secret(str(hand_on.get("secret", "")), file)),
    )


def _read(file: Path, *, is_needed: bool) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            told = tomllib.load(stream)
            if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & _OPEN_TO_OTHERS & 0o007 and _holds_secrets(told):
                raise SettingError(f"{file} holds secrets and everybody may read it: `chmod 600 {file}`.")
    except FileNotFoundError:
        if is_needed:
            raise SettingError(
                f"{file} is not there: SILLAGE_COLLECTOR_CONFIG names it; write it as docs/collector.md shows."
            ) from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{file} is no TOML ({error}): correct it, docs/collector.md shows one.") from None
    except OSError as error:
        raise SettingError(
            f"{file} cannot be read ({error.strerror}): give the collector's user the right to."
        ) from None
    return told


def _holds_secrets(told: Mapping[str, Any]) -> bool:
    sources = told.get("sources")
    return isinstance(sources, dict) and any(
        value and not str(value).startswith(("['file:", '["file:'))
        for section in sources.values()
        if isinstance(section, dict)
        for name, value in section.items()
        if name in ("keys", "logins", "bearers", "headers")
    )


def _source(name: str, section: Any, file: Path) -> tuple[Credentials, int]:
    where = f"sources.{name}"
    if name not in PROVIDERS:
        raise SettingError(f"{file}: there is no source {name!r}: write one of {', '.join(PROVIDERS)}.")
    if not isinstance(section, dict):
        raise SettingError(f"{file}: {where} is no table: write [{where}].")
    _assert_known(section, _SOURCE_FIELDS, file, where)
    headers = section.get("headers", {})
    if not isinstance(headers, dict):
        raise SettingError(f'{file}: {where}.headers is no table: write headers = {{X-Secret = ["..."]}}.')
    credentials = Credentials(
        keys=_texts(section, "keys", file, where),
        logins=_texts(section, "logins", file, where),
        bearers=_texts(section, "bearers", file, where),
        headers={key.lower(): _texts(headers, key, file, f"{where}.headers") for key in headers},
        topics=_texts(section, "topics", file, where),
        url=str(section.get("url", "")),
        confirms=section.get("confirm") is True,
    )
    _assert_provable(name, credentials, file)
    limit = section.get("body_limit", BODY_LIMIT)
    if not isinstance(limit, int) or not 1024 <= limit <= 256 << 20:
        raise SettingError(f"{file}: {where}.body_limit is {limit!r}: write bytes from 1024 to {256 << 20}.")
    return credentials, limit


def _assert_provable(name: str, credentials: Credentials, file: Path) -> None:
    """Nobody gets in without a proof: a section that asks for none is a mistake."""
    provider, where = PROVIDERS[name], f"sources.{name}"
    for key in credentials.keys:
        if provider.signature is None:
            raise SettingError(f"{file}: {where}.keys: {name} signs nothing: write logins, bearers or headers.")
        try:
            provider.check_key(key)
        except ValueError as error:
            raise SettingError(f"{file}: a key of {where} cannot be used: {error}.") from None
    for login in credentials.logins:
        if ":" not in login or len(login) < 9:
            raise SettingError(f'{file}: a login of {where} is too weak: write "user:password" with 8 letters or more.')
    if provider.needs_url and credentials.keys and not credentials.url:
        raise SettingError(f"{file}: {where}.url is missing: write the address exactly as you entered it at {name}.")
    if not (credentials.keys or credentials.has_login or (name == SNS and credentials.topics)):
        need = "topics" if name == SNS else "keys" if provider.signature else "logins"
        raise SettingError(f"{file}: {where} asks for no proof, so anybody could send events: write {need}.")


def _texts(section: Mapping[str, Any], name: str, file: Path, where: str) -> tuple[str, ...]:
    values = section.get(name, [])
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise SettingError(f'{file}: {where}.{name} is no list of texts: write {name} = ["..."].')
    return tuple(_secret(value, file) for value in values)


def _secret(value: str, file: Path) -> str:
    """The value itself, or the content of the file that `file:/path` names, as containers get their secrets."""
    if not value.startswith("file:"):
        return value
    try:
        return Path(value.removeprefix("file:")).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"{file}: {value} cannot be read ({error}): name a file that the collector may read."
        ) from None


def _networks(values: Any, file: Path) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(value) for value in values)
    except (ValueError, TypeError) as error:
        raise SettingError(f'{file}: proxies: {error}: write addresses or networks, like ["10.0.0.0/8"].') from None


def _url(section: Mapping[str, Any], name: str, file: Path) -> str:
    value = str(section.get(name, ""))
    parts = urlsplit(value)
    if value and not (parts.scheme in ("http", "https") and parts.hostname):
        raise SettingError(f"{file}: {name} is {value!r}: write a whole URL, https://...")
    return value


def _table(told: Mapping[str, Any], name: str, file: Path) -> dict[str, Any]:
    section = told.get(name, {})
    if not isinstance(section, dict):
        raise SettingError(f"{file}: {name} is no table: write [{name}].")
    return section


def _assert_known(section: Mapping[str, Any], known: set[str], file: Path, where: str) -> None:
    if unknown := sorted(set(section) - known):
        raise SettingError(
            f"{file}: {where} has {', '.join(unknown)}, which nothing reads: {', '.join(sorted(known))} are known."
        )
