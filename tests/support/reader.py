"""A BI tool that asks the marts for their totals again and again, and notes when they do not agree with each other."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from typing import Any

import psycopg2

# Totals that must be the same at every moment, whatever is being published.
PAIRS = {
    "clicks and those of the URLs": (
        "sum(click_count) from marts.delivery_statistics",
        "sum(click_count) from marts.url_clicks where link_type = 'click'",
    ),
    "clicks and those of the places": (
        "sum(click_count) from marts.delivery_statistics",
        "sum(click_count) from marts.click_positions",
    ),
    "clicks and those of the periods": (
        "sum(click_count) from marts.delivery_statistics",
        "sum(event_count) from marts.delivery_activity where event_type = 'click'",
    ),
    "clicks and those of the days": (
        "sum(click_count) from marts.delivery_statistics",
        "sum(event_count) from marts.daily_engagement where event_type = 'click'",
    ),
    "opens and those of the devices": (
        "sum(open_count) from marts.delivery_statistics",
        "sum(event_count) from marts.delivery_breakdown where event_type = 'open'",
    ),
    "delivered and those of the domains": (
        "sum(delivered_count) from marts.delivery_statistics",
        "sum(delivered_count) from marts.delivery_domains",
    ),
    "clicks and those of the messages": (
        "sum(click_count) from marts.delivery_statistics",
        "sum(click_count) from marts.messages",
    ),
    "clicks in the logs and those of the recipients": (
        "count(*) from marts.recipient_tracking where event_type = 'click' and is_human and recipient_id != 'unknown'",
        "sum(human_click_count) from marts.recipient_engagement",
    ),
    "deliveries and their statistics": (
        "count(*) from marts.deliveries",
        "count(*) from marts.delivery_statistics",
    ),
    "links of the logs and those that there are": (
        "count(distinct (delivery_id, link_id)) from marts.recipient_tracking where event_type = 'click'",
        "count(*) from marts.links where (delivery_id, link_id) in (select delivery_id, link_id from marts.recipient_tracking)",
    ),
    "the newest hour and the days of the calendar": (
        "count(distinct window_end) from marts.workflow_windows where window_end = (select max(as_of) from marts.delivery_statistics)",
        "count(*) from marts.calendar, (select max(as_of) as newest from marts.recipient_engagement) as hour"
        " where starts_at < newest and ends_at >= newest",
    ),
    "the logs and the periods": (
        "count(*) from marts.recipient_tracking where not is_repeat",
        "sum(event_count) from marts.delivery_activity",
    ),
    "the statistics' hour and the windows": (
        "count(distinct as_of) from marts.delivery_statistics",
        "count(*) from (select max(window_end) as hour from marts.workflow_windows) as newest"
        " where hour = (select max(as_of) from marts.delivery_statistics)",
    ),
}
QUESTION = (
    "select "
    + ", ".join(f"coalesce((select {total}), 0)" for pair in PAIRS.values() for total in pair)
    + ", (select count(*) from marts.recipient_tracking), (select sum(event_count) from marts.workflow_windows),"
    " (select max(as_of) from marts.delivery_statistics)"
)


class Reader:
    """Asks QUESTION in a thread for as long as the block lasts, with `pause` seconds between an answer and the next
    question; `seen` are the answers, each once.
    """

    def __init__(self, url: str, pause: float = 0.01) -> None:
        self.seen: set[tuple[Any, ...]] = set()
        self.answers = 0
        self.disagreements: list[str] = []
        self._url, self._pause = url, pause
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._is_over.is_set():
            # A server that is stopped does not answer; the reader comes back when it does.
            with (
                suppress(psycopg2.OperationalError, psycopg2.InterfaceError),
                closing(psycopg2.connect(self._url)) as connection,
            ):
                connection.autocommit = True
                with connection.cursor() as cursor:
                    while not self._is_over.wait(self._pause):
                        # Before the first publishing the marts are not there.
                        with suppress(psycopg2.errors.UndefinedTable, psycopg2.errors.InsufficientPrivilege):
                            cursor.execute(QUESTION)
                            self._note(cursor.fetchone() or ())
            self._is_over.wait(0.05)

    def _note(self, answer: tuple[Any, ...]) -> None:
        self.answers += 1
        self.seen.add(answer)
        for index, name in enumerate(PAIRS):
            one, other = answer[2 * index : 2 * index + 2]
            if one != other:
                self.disagreements.append(f"{name}: {one} and {other}")
