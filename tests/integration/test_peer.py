"""The peer of the benchmarks, dlt and dbt (bench/peer), counts as Sillage does: else its costs could not stand beside ours."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from sillage.quickstart.embedded_postgres import Server
from sillage.window import HOUR, Window
from support.hours import rows, run_hours
from support.proofs import whole_only

BENCH = Path(__file__).resolve().parents[2] / "bench"
# Types that the benchmark's records do not have, of messages that they do.
OTHERS = [
    b'{"event":"bounce","type":"bounce","reason":"550 unknown"',
    b'{"event":"bounce","type":"blocked","reason":"450 later"',
    b'{"event":"processed"',
    b'{"event":"dropped","reason":"Bounced Address"',
    b'{"event":"spamreport"',
    b'{"event":"unsubscribe"',
    b'{"event":"group_unsubscribe"',
]


@pytest.fixture
def against_peer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("against_peer")


def other_events(hour: Window) -> list[bytes]:
    about = b',"email":"reader%d@example.com","recipient_id":"r%d","delivery_id":"delivery-%d","timestamp":%d'
    ref = b',"sg_message_id":"%014x.filter0001.16648.5515E0B88.0"}\n'
    at = int(hour.start.timestamp())
    return [
        kind + about % (number, number, number % 8, at + number) + ref % number for number, kind in enumerate(OTHERS)
    ]


@pytest.mark.slow
@whole_only
def test_the_peer_of_the_benchmarks_says_of_two_hours_what_the_marts_say(
    server: Server, warehouse_url: str, tmp_path: Path, against_peer: ModuleType
) -> None:
    files, zone = tmp_path / "files", tmp_path / "zone"
    last = against_peer.write_records(files, 3_000, hours=2)
    first = last.parents[1] / "05" / last.name
    windows = list(Window(against_peer.HOUR.start, against_peer.HOUR.end + HOUR).hours())
    told = first.read_bytes().splitlines(keepends=True)
    # Some events are told again in their hour, some in the next one.
    first.write_bytes(b"".join([*told, *told[:40], *other_events(windows[0])]))
    with last.open("ab") as file:
        file.writelines([*told[100:150], *other_events(windows[1])])
    peer = against_peer.Peer(server, against_peer.install(tmp_path / "venv"), tmp_path / "peer")
    for window in windows:
        against_peer.arrive(files, zone, window)
        peer.run(zone)
    # That one window of two hours says what two windows say is another test's.
    run_hours(warehouse_url, zone, Window(windows[0].start, windows[1].end))
    against_peer.compare(warehouse_url, peer.url)
    counted = rows(peer.url, "select record_count, duplicate_count from marts.workflow_windows order by window_start")
    assert [tuple(hour.values()) for hour in counted] == [(3_047, 40), (3_057, 50)]
    (totals,) = rows(
        peer.url,
        "select sum(hard_bounce_count) as bounces, sum(opt_out_count) as opt_outs, min(recipient_click_count) as clickers"
        " from marts.delivery_statistics",
    )
    assert (totals["bounces"], totals["opt_outs"]) == (1, 4) and totals["clickers"] > 20
