"""Refused webhooks out of the quarantine: proved again with the present keys, as of the time at which they came."""

from __future__ import annotations

from .amazon import Certificates
from .bodies import content_of
from .configuration import Configuration
from .metrics import Metrics
from .quarantine import Quarantine
from .shipping import Shipper, open_landing
from .spool import Spool
from .verification import NotNowError, Refused
from .webhooks import Webhooks


async def admit(configuration: Configuration, source: str) -> tuple[int, int]:
    """How many requests of `source` were stored and deleted here, and how many stay. Raises OSError, ValueError."""
    if source not in configuration.sources:
        raise ValueError(f"{source} is not in collector.toml: write its keys there first.")
    home = configuration.home
    quarantine = Quarantine(home / "quarantine")
    shipper = Shipper(home / "spool", open_landing(configuration.landing))
    spool = Spool(home / "spool", shipper, close_seconds=configuration.close_seconds)
    webhooks = Webhooks(
        configuration, spool, quarantine, Certificates(home / "certificates"), Metrics(home / "metrics")
    )
    admitted = refused = 0
    try:
        for held in quarantine.held(source):
            try:
                await webhooks.verified(source, held.request)
            except (Refused, NotNowError):
                refused += 1
                continue
            await webhooks.store(source, content_of(source, held.request))
            held.path.unlink()
            admitted += 1
    finally:
        await spool.close()
    return admitted, refused
