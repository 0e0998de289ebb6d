"""Declares the Tracking tabs to Airflow: an entry of the navigation, a tab of the DAG's page, and the app behind both."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from .tabs.lazy_app import LazyApp


class TrackingTabs(AirflowPlugin):
    """The pages stand in the room `tabs`; their addresses are relative, so they hold below any `[api] base_url`."""

    name = "tracking_tabs"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": "/tracking", "name": "Tracking tabs"}]  # noqa: RUF012  # Airflow reads it so
    external_views = [  # noqa: RUF012
        {
            "name": "Tracking",
            "href": "tracking/deliveries",
            "destination": "nav",
            "url_route": "tracking",
            "icon": "tracking/static/icon.svg",
            "icon_dark_mode": "tracking/static/icon-dark.svg",
            "nav_top_level": True,
        },
        # In the graph's view tabs are icons alone.
        {
            "name": "Tracking",
            "href": "tracking/workflow",
            "destination": "dag",
            "url_route": "tracking-windows",
            "icon": "tracking/static/icon.svg",
            "icon_dark_mode": "tracking/static/icon-dark.svg",
        },
    ]
