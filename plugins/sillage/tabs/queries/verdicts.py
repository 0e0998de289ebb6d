"""Which events are a person's, and which are tracking: the words of dbt's macros is_human and is_tracking_event, for our SELECTs."""

from __future__ import annotations

IS_PEOPLE = "verdict in ('human', 'proxy_open', 'suspect')"
TRACKING = ("open", "click", "mirror_page", "opt_out", "web", "transaction", "forward")
IS_TRACKING = f"event_type in {TRACKING}"
