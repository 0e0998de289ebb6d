"""The time zone of a page: the one in its address, else the reader's choice, else the site's (SILLAGE_TIME_ZONE)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from fastapi import Request

# What the browser keeps: static/zone.js writes it, from Airflow's own clock or from the choice at the foot of a page.
COOKIE = "sillage_zone"
UTC_NAME = "UTC"


@cache
def names() -> frozenset[str]:
    """The zones there are."""
    return frozenset(available_timezones())


def of(request: Request) -> ZoneInfo:
    """The zone of the page; what is no zone counts as not given."""
    given = (request.query_params.get("tz"), request.cookies.get(COOKIE), site(request))
    return ZoneInfo(next((name for name in given if name in names()), UTC_NAME))


def site(request: Request) -> str:
    """The zone of the site."""
    return of_site(request, "time_zone") or UTC_NAME


def of_site(request: Request, name: str) -> str:
    """What the operator set as `name` for the tabs, empty for nothing."""
    value: str = getattr(request.app.state, name, "") if "app" in request.scope else ""
    return value


def midnight_after(moment: datetime, zone: ZoneInfo) -> datetime:
    """The next beginning of a day in `zone`, in the zone of `moment`; days may have 23 or 25 hours."""
    day = moment.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, time(), zone).astimezone(moment.tzinfo)
