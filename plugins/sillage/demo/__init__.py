"""The demo: a landing zone as real life fills it, made from a seed, and the truth about it beside it."""

from __future__ import annotations

from .landing_zone import Summary, generate

__all__ = ["Summary", "generate"]
