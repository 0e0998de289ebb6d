"""What the browser tests name: the tabs' pages, and Airflow's frame around them."""

from __future__ import annotations

from typing import Any

PAGES = [
    "/deliveries", "/delivery?id={id}", "/delivery/urls?id={id}", "/delivery/positions?id={id}", "/delivery/links?id={id}",
    "/delivery/logs?id={id}&events=all",
    "/delivery/throughput?id={id}", "/delivery/why?id={id}", "/cumulated?id={id}&id=d-fidelite", "/trend", "/delivery/recipients?id={id}",
    "/recipients?who=very_active&clicks=3", "/recipient?id={recipient}", "/workflow", "/workflow/quality",
    "/workflow/rejected?days=366", "/workflow/journal",
]  # fmt: skip
# What is answered with HTML and is no page: the way to the first one, the sender's message in its frame, and a file.
NO_PAGES = {"/", "/delivery/message", "/delivery/report"}


def frame_of(page: Any) -> Any:
    """The tab's document inside Airflow's page."""
    return page.frame_locator("iframe").first


def open_tab_without_scripts(page: Any, url: str, path: str) -> Any:
    """Open a page of the tabs through Airflow's own address, whether or not its scripts come; returns its frame."""
    prefix = "/" + url.split("/", 3)[3]
    page.goto(f"{url}/plugin/tracking{prefix}/tracking{path}")
    frame = frame_of(page)
    frame.locator("main").wait_for()
    return frame


def open_tab(page: Any, url: str, path: str) -> Any:
    """Open a page of the tabs through Airflow's own address, with its scripts; returns its frame."""
    frame = open_tab_without_scripts(page, url, path)
    # The scripts come last: a link that is followed before them is an ordinary one.
    inside(page).wait_for_load_state()
    return frame


def inside(page: Any) -> Any:
    """The frame of the tabs as what runs scripts."""
    return next(frame for frame in page.frames if "/tracking/" in frame.url and "/plugin/" not in frame.url)
