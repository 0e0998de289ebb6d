"""What an operator can set: from the environment, else from `.env`, else from Airflow, else the default.

Documented once, in `.env.example`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from zoneinfo import available_timezones

from . import airflow_settings

PACKAGE = Path(__file__).resolve().parent
# Where the package stands in a checkout of the repository. An installed one has all that it needs inside the package.
CHECKOUT = PACKAGE.parents[1]
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
    currency: str = ""  # of the amounts in the Tracking tabs
    docs_url: str = ""  # where the documentation is served, for the foot of the tabs
    dashboards_url: str = ""  # where people reach the dashboards, likewise
    time_zone: str = "UTC"  # of the Tracking tabs, for who has not chosen another, and of the marts' days
    replica_url: str = ""  # the copy of the warehouse that BI tools read, for the probe
    admin_url: str = ""  # an administrator's login, for `sillage init`
    alert_url: str = ""  # who is told of failures (alerts/channels.py)
    alert_slack: str = ""
    alert_mail: str = ""
    alert_apprise: str = ""
    erasures: Path = Path("erasures.jsonl")  # the list of erasures, which a restore repeats
    report_to: str = ""  # who gets the reports by mail, with commas
    outbox: str = ""  # where files for sending tools go: a folder or a bucket
    database_cores: int | None = None  # of the machine that Postgres has; None: found out (transform/capacity.py)
    database_memory_gb: int | None = None
    lake: str = ""  # where the lake's files lie, "" for none (docs/lake.md)
    lake_catalog_url: str = ""  # the warehouse as the role lake_writer
    lake_days: int = 360
    hot_days: int | None = None  # after which Postgres leaves a delivery's logs to the lake
    spark: str = "local[*]"  # Spark's master, which writes the lake
    spark_packages: str = ""  # a folder of jars, or Maven coordinates
    fan_out_mb: int = 1024  # what one task lands of a run's hours, before it leaves the rest to groups of files

    @property
    def dbt_project(self) -> Path:
        """The dbt project's folder."""
        return resource("dbt_project")


class _Surroundings:
    """What surrounds this process: its environment over the checkout's `.env`, else the Airflow that runs it."""

    def __init__(self) -> None:
        self._near = surroundings()

    def get(self, name: str) -> str | None:
        """The value of `name`; a variable that is set, even to nothing, goes before Airflow's."""
        if name in self._near:
            return self._near[name]
        try:
            return airflow_settings.get(name)
        except airflow_settings.UnusableConnectionError as error:
            raise SettingError(str(error)) from None


def surroundings() -> Mapping[str, str]:
    """The process's environment over the checkout's `.env`; Airflow is not asked."""
    return {**({} if is_installed() else _dotenv(CHECKOUT / ".env")), **os.environ}


def is_installed() -> bool:
    """Whether the package was installed from a wheel, and does not stand in a checkout."""
    return (PACKAGE / "dbt_project").is_dir()


def resource(name: str) -> Path:
    """The folder `name` (dbt_project, expectations or dags): in the package, where a wheel has it, else in the checkout."""
    return (PACKAGE if is_installed() else CHECKOUT) / name


def load(environment: dict[str, str] | None = None) -> Settings:
    """Settings from `environment` (default: the process's, over those of the checkout's `.env`, over Airflow's).

    Raises SettingError with one sentence where a value cannot be used.
    """
    given = environment if environment is not None else _Surroundings()
    home = home_folder(given)
    chosen = Settings(
        home=home,
        landing=given.get("SILLAGE_LANDING") or str(home / "landing"),
        warehouse_url=_with_password(
            given.get("SILLAGE_WAREHOUSE_URL") or "", given.get("SILLAGE_WAREHOUSE_PASSWORD_FILE")
        ),
        port=whole_number("SILLAGE_PORT", given.get("SILLAGE_PORT"), 8080, 1, 65535),
        late_hours=whole_number("SILLAGE_LATE_HOURS", given.get("SILLAGE_LATE_HOURS"), 48, 0, 24 * 366),
        rejected_share_limit=_share("SILLAGE_REJECTED_SHARE_LIMIT", given.get("SILLAGE_REJECTED_SHARE_LIMIT"), 0.5),
        rejected_count_limit=whole_number(
            "SILLAGE_REJECTED_COUNT_LIMIT", given.get("SILLAGE_REJECTED_COUNT_LIMIT"), 1000, 0, 2**62
        ),
        raw_days=whole_number("SILLAGE_RAW_DAYS", given.get("SILLAGE_RAW_DAYS"), 30, 3, 36500),
        tracking_days=whole_number("SILLAGE_TRACKING_DAYS", given.get("SILLAGE_TRACKING_DAYS"), 360, 3, 36500),
        rejected_days=whole_number("SILLAGE_REJECTED_DAYS", given.get("SILLAGE_REJECTED_DAYS"), 90, 1, 36500),
        # The same login as the warehouse's: a replica has the same roles.
        replica_url=_with_password(
            given.get("SILLAGE_REPLICA_URL") or "", given.get("SILLAGE_WAREHOUSE_PASSWORD_FILE")
        ),
        outbox=given.get("SILLAGE_OUTBOX") or str(home / "outbox"),
        admin_url=given.get("SILLAGE_ADMIN_URL") or "",
        alert_url=given.get("SILLAGE_ALERT_URL") or "",
        alert_slack=given.get("SILLAGE_ALERT_SLACK") or "",
        alert_mail=given.get("SILLAGE_ALERT_MAIL") or "",
        alert_apprise=given.get("SILLAGE_ALERT_APPRISE") or "",
        erasures=Path(given.get("SILLAGE_ERASURES") or home / "erasures.jsonl").expanduser().absolute(),
        report_to=given.get("SILLAGE_REPORT_TO") or "",
        tabs_url=_with_password(given.get("SILLAGE_TABS_URL") or "", given.get("SILLAGE_TABS_PASSWORD_FILE")),
        currency=(given.get("SILLAGE_CURRENCY") or "").strip()[:8],
        docs_url=_web_address("SILLAGE_DOCS_URL", given.get("SILLAGE_DOCS_URL")),
        dashboards_url=_web_address("SILLAGE_DASHBOARDS_URL", given.get("SILLAGE_DASHBOARDS_URL")),
        time_zone=_time_zone(given.get("SILLAGE_TIME_ZONE")),
        database_cores=whole_number("SILLAGE_DATABASE_CORES", given.get("SILLAGE_DATABASE_CORES"), 0, 1, 1024) or None,
        database_memory_gb=whole_number(
            "SILLAGE_DATABASE_MEMORY_GB", given.get("SILLAGE_DATABASE_MEMORY_GB"), 0, 1, 65536
        )
        or None,
        lake=_folder_or_url(given.get("SILLAGE_LAKE")),
        lake_catalog_url=_with_password(
            given.get("SILLAGE_LAKE_CATALOG_URL") or "", given.get("SILLAGE_LAKE_CATALOG_PASSWORD_FILE")
        ),
        lake_days=whole_number("SILLAGE_LAKE_DAYS", given.get("SILLAGE_LAKE_DAYS"), 360, 3, 36500),
        hot_days=whole_number("SILLAGE_HOT_DAYS", given.get("SILLAGE_HOT_DAYS"), 0, 3, 36500) or None,
        spark=given.get("SILLAGE_SPARK") or "local[*]",
        spark_packages=given.get("SILLAGE_SPARK_PACKAGES") or "",
        fan_out_mb=whole_number("SILLAGE_FAN_OUT_MB", given.get("SILLAGE_FAN_OUT_MB"), 1024, 1, 2**40),
    )
    if chosen.hot_days and not chosen.lake:
        raise SettingError(
            "SILLAGE_HOT_DAYS leaves logs to the lake, and there is none: set SILLAGE_LAKE (docs/lake.md), or take SILLAGE_HOT_DAYS out."
        )
    # An hour whose raw records were dropped can only be read again whole, so a late file must not lead back to one.
    if chosen.late_hours > chosen.raw_days * HOURS_A_DAY:
        raise SettingError(
            f"SILLAGE_LATE_HOURS is {chosen.late_hours} and SILLAGE_RAW_DAYS is {chosen.raw_days}, so a run would look for late"
            f" files in hours whose raw records are dropped: write at most {chosen.raw_days * HOURS_A_DAY} hours, or"
            f" at least {-(-chosen.late_hours // HOURS_A_DAY)} days."
        )
    return chosen


def home_folder(environment: Mapping[str, str] | _Surroundings | None = None) -> Path:
    """SILLAGE_HOME, which is of the machine and never asked of Airflow; an installed package keeps its state beside Airflow's."""
    given = environment if environment is not None else _Surroundings()
    default = Path(given.get("AIRFLOW_HOME") or "~/airflow", "sillage") if is_installed() else CHECKOUT / ".sillage"
    return Path(given.get("SILLAGE_HOME") or default).expanduser().absolute()


def with_password(url: str, file: Path) -> str:
    """`url` (which names a user) with the password that stands in `file`. Raises SettingError if it cannot be read."""
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


def _folder_or_url(text: str | None) -> str:
    """A folder as an absolute path, because Spark runs elsewhere; a URL as it is."""
    return text or "" if not text or "://" in text else str(Path(text).expanduser().absolute())


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs}


def whole_number(name: str, text: str | None, default: int, least: int, most: int) -> int:
    """The whole number `text` of the setting `name`, or `default` where it is empty. Raises SettingError outside its bounds."""
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise SettingError(f"{name} is {text!r}: write a whole number from {least} to {most}.") from None
    if not least <= value <= most:
        raise SettingError(f"{name} is {value}: write a whole number from {least} to {most}.")
    return value


def _time_zone(name: str | None) -> str:
    if name and name not in available_timezones():
        raise SettingError(f"SILLAGE_TIME_ZONE is {name!r}: write the name of a time zone, like Europe/Paris.")
    return name or "UTC"


def _web_address(name: str, text: str | None) -> str:
    """An address that a browser can be led to, which a script's (`javascript:`) is not."""
    address = (text or "").strip()
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_usable = False
    if address and not is_usable:
        raise SettingError(f"{name} is {address!r}: write an address that begins with https:// or http://.")
    return address


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
