"""Why there is no report."""

from __future__ import annotations


class ReportError(RuntimeError):
    """A report that cannot be made or sent: the message says why and what to write."""


def unknown(delivery_id: str) -> ReportError:
    """The error for a delivery that was not published."""
    return ReportError(
        f"There is no delivery {delivery_id!r}: it may not have been sent yet, or its hour is not published. The list of"
        " deliveries in the Tracking tabs has every id."
    )
