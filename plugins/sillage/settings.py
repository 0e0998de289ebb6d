"""What an operator can set: from the environment, else from `.env`, else the default. Documented once, in `.env.example`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

CHECKOUT = Path(__file__).resolve().parents[2]
HOURS_A_DAY = 24


class SettingError(ValueError):
    """A setting that cannot be used: the message names it, says what is wrong and what to write instead."""


@dataclass(frozen=True)
class Settings:
    """Everything an operator chose; paths are absolute."""

    home: Path
    landing: str
    warehouse_url: str
    port: int
    late_hours: int
    rejected_share_limit: float
    rejected_count_limit: int
    raw_days: int = 30
    tracking_days: int = 360
    rejected_days: int = 90
    tabs_url: str = ""  # the warehouse as the read-only role tabs_reader

    @property
    def dbt_project(self) -> Path:
        """The dbt project's folder."""
        return CHECKOUT / "dbt_project"


def load(environment: dict[str, str] | None = None) -> Settings:
    """Settings from `environment` (default: the process's, over those of the checkout's `.env`).

    Raises SettingError with one sentence where a value cannot be used.
    """
    given = environment if environment is not None else {**_dotenv(CHECKOUT / ".env"), **os.environ}
    home = Path(given.get("SILLAGE_HOME") or CHECKOUT / ".sillage").expanduser().absolute()
    chosen = Settings(
        home=home,
        landing=given.get("SILLAGE_LANDING") or str(home / "landing"),
        warehouse_url=_with_password(
            given.get("SILLAGE_WAREHOUSE_URL") or "", given.get("SILLAGE_WAREHOUSE_PASSWORD_FILE")
        ),
        port=_whole("SILLAGE_PORT", given.get("SILLAGE_PORT"), 8080, 1, 65535),
        late_hours=_whole("SILLAGE_LATE_HOURS", given.get("SILLAGE_LATE_HOURS"), 48, 0, 24 * 366),
        rejected_share_limit=_share("SILLAGE_REJECTED_SHARE_LIMIT", given.get("SILLAGE_REJECTED_SHARE_LIMIT"), 0.5),
        rejected_count_limit=_whole(
            "SILLAGE_REJECTED_COUNT_LIMIT", given.get("SILLAGE_REJECTED_COUNT_LIMIT"), 1000, 0, 2**62
        ),
        raw_days=_whole("SILLAGE_RAW_DAYS", given.get("SILLAGE_RAW_DAYS"), 30, 3, 36500),
        tracking_days=_whole("SILLAGE_TRACKING_DAYS", given.get("SILLAGE_TRACKING_DAYS"), 360, 3, 36500),
        rejected_days=_whole("SILLAGE_REJECTED_DAYS", given.get("SILLAGE_REJECTED_DAYS"), 90, 1, 36500),
        tabs_url=_with_password(given.get("SILLAGE_TABS_URL") or "", given.get("SILLAGE_TABS_PASSWORD_FILE")),
    )
    # An hour whose raw records were dropped can only be read again whole, so a late file must not lead back to one.
    if chosen.late_hours > chosen.raw_days * HOURS_A_DAY:
        raise SettingError(
            f"SILLAGE_LATE_HOURS is {chosen.late_hours} and SILLAGE_RAW_DAYS is {chosen.raw_days}, so a run would look for late"
            f" files in hours whose raw records are dropped: write at most {chosen.raw_days * HOURS_A_DAY} hours, or"
            f" at least {-(-chosen.late_hours // HOURS_A_DAY)} days."
        )
    return chosen


def with_password(url: str, file: Path) -> str:
    """`url` (which names a user) with the password that stands in `file`. Raises SettingError where it cannot be read."""
    try:
        password = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"The password file {file} cannot be read ({error}): name one that this user may read."
        ) from None
    parts = urlsplit(url)
    if not parts.username or not password:
        raise SettingError(f"A password file {file} needs a password in it, and a URL that names its user: user@host.")
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:{quote(password, safe='')}@{host}").geturl()


def _with_password(url: str, file: str | None) -> str:
    return with_password(url, Path(file)) if url and file else url


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs}


def _whole(name: str, text: str | None, default: int, least: int, most: int) -> int:
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise SettingError(f"{name} is {text!r}: write a whole number from {least} to {most}.") from None
    if not least <= value <= most:
        raise SettingError(f"{name} is {value}: write a whole number from {least} to {most}.")
    return value


def _share(name: str, text: str | None, default: float) -> float:
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise SettingError(f"{name} is {text!r}: write a share from 0 to 1, like 0.5.")
    return value
