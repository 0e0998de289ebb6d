"""The columns of the marts, compared with those of the newest release: what readers rely on changes in no silence."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support.release_warehouse import RELEASES, contracts

CHECKOUT = Path(__file__).resolve().parents[2]


def changes(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> dict[str, str]:
    """What has another type, is new or is gone, by `mart.column`; a mart that is new as a whole changes nothing for its readers."""
    after = {mart: columns for mart, columns in after.items() if mart in before}
    flat = [
        {f"{mart}.{column}": kind for mart, columns in one.items() for column, kind in columns.items()}
        for one in (before, after)
    ]
    return {
        name: f"{flat[0].get(name, 'not there')} before, {flat[1].get(name, 'not there')} now"
        for name in sorted({*flat[0], *flat[1]})
        if flat[0].get(name) != flat[1].get(name)
    }


def test_every_change_of_a_contract_since_the_last_release_stands_in_the_changelog() -> None:
    newest = max((path for path in RELEASES.iterdir() if path.is_dir()), key=lambda path: path.name)
    released = json.loads((newest / "expected.json").read_text(encoding="utf-8"))["contracts"]
    unreleased = re.search(
        r"^## \[Unreleased\]$(.*?)^## ", (CHECKOUT / "CHANGELOG.md").read_text() + "\n## ", re.M | re.S
    )
    assert unreleased
    section = re.search(r"^### Behaviour change$(.*?)^### ", unreleased[1], re.M | re.S)
    told = set(re.findall(r"\w+", section[1])) if section else set()
    missing = {
        name: what for name, what in changes(released, contracts(CHECKOUT)).items() if not set(name.split(".")) <= told
    }
    assert not missing, (
        f'name mart and column under "Behaviour change" of the changelog; since {newest.name}: {missing}'
    )


def test_a_column_that_goes_comes_or_changes_is_a_change() -> None:
    before = {"messages": {"status": "text", "sent_at": "timestamptz"}, "links": {"url": "text"}}
    after = {
        "messages": {"status": "integer", "opened_at": "timestamptz"},
        "links": {"url": "text"},
        "calendar": {"day": "date"},
    }
    assert changes(before, after) == {
        "messages.opened_at": "not there before, timestamptz now",
        "messages.sent_at": "timestamptz before, not there now",
        "messages.status": "text before, integer now",
    }
