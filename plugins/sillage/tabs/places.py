"""Places of several messages side by side: which are the same link in all of them, so that their clicks may be added up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Row:
    """A place and its clicks; `delivery_id` is None where all chosen deliveries have this link there. Position None: not told."""

    delivery_id: str | None
    content_part: str
    position: int | None
    url: str | None
    label: str | None
    link_type: str
    click_count: int


def added_up(places: Iterable[Any], delivery_ids: Sequence[str]) -> list[Row]:
    """`places` (rows of queries.links.positions) of `delivery_ids`, added up where they are the same link in all of them.

    The same link is the same address without its query and fragment, or the same label. What differs stays apart, a row for
    each delivery, after the rows that hold for all. Clicks whose place is not told add up: nobody takes them for a link's.
    """
    by_place: dict[tuple[str | None, int | None], dict[str, Any]] = {}
    for place in places:
        by_place.setdefault((place.content_part, place.position), {})[place.delivery_id] = place
    common: list[Row] = []
    apart: list[Row] = []
    for (_, position), found in by_place.items():
        rows = [found[name] for name in delivery_ids if name in found]
        in_all = len(rows) == len(delivery_ids)
        if position is None or (in_all and (len(rows) == 1 or _is_one_link(rows))):
            common.append(_row(None, rows[0], sum(row.click_count for row in rows)))
        else:
            apart += [_row(row.delivery_id, row, row.click_count) for row in rows]
    order = {name: number for number, name in enumerate(delivery_ids)}
    return common + sorted(apart, key=lambda row: order[row.delivery_id or ""])


def _row(delivery_id: str | None, place: Any, click_count: int) -> Row:
    part = place.content_part or ""
    return Row(delivery_id, part, place.position, place.url, place.label, place.link_type, click_count)


def _is_one_link(places: Sequence[Any]) -> bool:
    if len({place.link_type for place in places}) > 1:
        return False
    addresses = {_without_query(place.url) for place in places}
    labels = {(place.label or "").strip() for place in places}
    return any(len(names) == 1 and names != {""} for names in (addresses, labels))


def _without_query(url: str | None) -> str:
    try:
        parts = urlsplit(url or "")
    except ValueError:
        # What is no address at all is compared as it is.
        return url or ""
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}" if parts.netloc else url or ""
