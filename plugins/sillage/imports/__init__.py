"""One-off imports: another system's years of history, as canonical events and catalog entries of a landing zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from . import klaviyo, listmonk, mailchimp, mautic, sfmc
from .parts import ImportFailure, Parts

__all__ = ["SYSTEMS", "ImportFailure", "bring"]

SYSTEMS: Mapping[str, Callable[[str, Parts], None]] = {
    "klaviyo": klaviyo.bring,
    "listmonk": listmonk.bring,
    "mailchimp": mailchimp.bring,
    "mautic": mautic.bring,
    "sfmc": sfmc.bring,
}


def bring(system: str, origin: str, landing: str, hour: datetime) -> Counter[str]:
    """Write the history of `system` at `origin` (a database URL, or an export) into `hour` of the folder `landing`.

    Returns how many of each there were. Raises ImportFailure, and then nothing is written.
    """
    with Parts(landing, system, hour) as parts:
        SYSTEMS[system](origin, parts)
    return parts.counts
