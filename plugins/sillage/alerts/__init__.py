"""Alerts: one message per cause, another when the cause changes or is over, by Airflow's own notifiers."""

from .channels import Channels, is_configured
from .telling import after_run, tell

__all__ = ["Channels", "after_run", "is_configured", "tell"]
