"""The demo's landing zone: every record in the hour folder of its arrival, as each provider writes its files."""

from __future__ import annotations

import gzip
import json
import math
import shutil
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import orjson

from . import history, people, shapes, truth
from .acts import DAY, HOUR, MINUTE, SECOND, Act, Message, Planner
from .messages import SITE, Delivery, Link, deliveries
from .strays import OTHER, Stray, strays

SPAN = 72 * HOUR
# The mark that says: this folder is ours to empty.
MARK = ".sillage-demo"
FILE_RECORDS = {"sendgrid": 400, "firehose": 500, "sns": 150, "eventbridge": 300, "canonical": 500, "catalog": 4000}
SOURCES = {"firehose": "ses", "sns": "ses", "eventbridge": "ses"}


@dataclass(frozen=True)
class Summary:
    """What was made: the landing zone, its truth file, and how many records and files."""

    landing: Path
    truth: Path
    record_count: int
    file_count: int

    def __str__(self) -> str:
        return f"{self.record_count} records in {self.file_count} files in {self.landing}; the truth about them in {self.truth}."


@dataclass(slots=True)
class Told:
    """One record of the landing zone: when it arrives (ms since 1970), in which layout, and its bytes."""

    arrival: int
    layout: str
    payload: bytes
    fate: str = "event"
    is_alone: bool = False


@dataclass
class Plan:
    """Everything that the demo is going to write, and the acts behind it."""

    told: list[Told] = field(default_factory=list)
    acts: dict[str, list[Act]] = field(default_factory=lambda: defaultdict(list))
    catalog: dict[str, dict[str, int | None]] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    duplicate_count: int = 0

    def add(self, acts: list[Act], until: int) -> None:
        """Tell `acts` as often as they arrive before `until`; those that never do have not happened yet for anybody."""
        for act in acts:
            arrived = [copy for copy, arrival in enumerate(act.arrivals) if arrival < until]
            for copy in arrived:
                layout = shapes.envelope(act, copy)
                self.told.append(Told(act.arrivals[copy], layout, orjson.dumps(shapes.record(act, copy))))
            if arrived:
                self.acts[act.message.delivery.delivery_id].append(act)
                self.duplicate_count += len(arrived) - 1


def generate(
    out: Path | str, seed: int, until: datetime, scale: float = 1.0, *, truth: Path | str | None = None
) -> Summary:
    """Fill the folder `out` with the 72 hours before `until` (a full hour, UTC), and write what the marts must show.

    The first of them holds the eight weeks before too, as the export of another tool.

    Equal `seed`, `until` and `scale` give equal bytes. `scale` multiplies the recipients. The truth goes to `truth`, by
    default `truth.json` beside `out`. An older demo in `out` is removed first.
    Raises ValueError when `until` is no full UTC hour, `scale` is out of range or `out` holds something that is no demo.
    """
    if until.utcoffset() is None or until.timestamp() % 3600:
        raise ValueError(f"The demo ends at {until}, which is no full UTC hour: write it like 2026-01-04T00.")
    if not 0.01 <= scale <= 100:
        raise ValueError(f"The demo's scale is {scale}: write a number from 0.01 to 100.")
    out = Path(out)
    path = Path(truth) if truth else out.parent / "truth.json"
    end = int(until.timestamp()) * SECOND
    plan = _plan(f"{seed} {end} {scale}", end, scale)
    _empty(out)
    file_count = _write(plan.told, out, end)
    path.write_text(json.dumps(_truth(plan, seed, until, scale), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Summary(out, path, len(plan.told), file_count)


def _plan(seed: str, until: int, scale: float) -> Plan:
    rng = Random(seed)  # noqa: S311 - a demo needs no secret
    plan, start, planner = Plan(), until - SPAN, Planner(rng, until)
    everyone = people.population(rng, max(60, int(6500 * scale)))
    for delivery in deliveries():
        plan.deliveries[delivery.delivery_id] = delivery
        chosen = rng.sample(everyone[1:], min(len(everyone) - 1, max(50, int(delivery.population * scale))))
        # The first person gave no consent; every tracked delivery goes there too.
        chosen.insert(0, everyone[0])
        sent_at, duration = start + delivery.day * DAY + (delivery.utc_hour - start // HOUR) % 24 * HOUR, 30 * MINUTE
        if not delivery.is_tracking_enabled:
            # A newsletter is out within half an hour; the shop confirms orders day and night.
            sent_at, duration = start + HOUR, SPAN - HOUR
        messages = [Message(delivery, person, _message_id(rng, delivery)) for person in chosen]
        for message in messages:
            plan.add(planner.message(message, sent_at + rng.randrange(duration)), until)
        plan.told += _catalog(plan, rng, messages, sent_at, until)
    _tell_often(plan, until)
    for source in ("sendgrid", "ses", "canonical"):
        plan.add(_orphans(planner, source, everyone, until), until)
    lists = sorted((person for person in everyone if person.is_in_catalog), key=lambda person: person.recipient_id)
    plan.told += [Told(start + 5 * MINUTE, "catalog", orjson.dumps(person.entry())) for person in lists]
    for stray in strays(start):
        plan.told.append(_stray(stray, start + rng.randrange(SPAN)))
    _add_history(plan, Random(f"{seed} history"), everyone, planner.number, until, scale)  # noqa: S311
    return plan


def _add_history(plan: Plan, rng: Random, everyone: list[people.Person], number: int, until: int, scale: float) -> None:
    """The weeks before the three days. They have a chance of their own, so that these days stay what they are."""
    start = until - SPAN
    for delivery, acts in history.told(rng, everyone, number, start, until, scale):
        plan.deliveries[delivery.delivery_id] = delivery
        plan.add(acts, until)
        entries = [delivery.entry(None, None, 0), *delivery.link_entries()]
        plan.told += [Told(start + 5 * MINUTE, "catalog", orjson.dumps(entry)) for entry in entries]


def _message_id(rng: Random, delivery: Delivery) -> str | None:
    if delivery.source == "sendgrid":
        return f"{rng.getrandbits(100):025x}"[:22]
    if delivery.source == "ses":
        return f"0102018cc{rng.getrandbits(28):07x}-{rng.getrandbits(32):08x}-{rng.getrandbits(48):012x}-000000"
    return f"m-{rng.getrandbits(48):012x}" if delivery.is_tracking_enabled else None


def _catalog(plan: Plan, rng: Random, messages: list[Message], sent_at: int, until: int) -> Iterator[Told]:
    """The sender's own knowledge: before the sending, corrected once, and the claims of messages that name no delivery."""
    delivery = messages[0].delivery
    acts = plan.acts[delivery.delivery_id]
    rejected = len({id(act.message) for act in acts if act.raw == "rejected"})
    told = len({id(act.message) for act in acts})
    # Who was taken out before the sending is known to the sender only: no event tells it.
    targeted = told + delivery.excluded_count if delivery.excluded_count else None
    to_deliver = None if targeted is None else told - rejected
    text_only = int(len(messages) * delivery.text_share)
    known = {"targeted_count": targeted, "to_deliver_count": to_deliver, "text_only_count": text_only}
    plan.catalog[delivery.delivery_id] = known
    entry = delivery.entry(targeted, to_deliver, text_only)
    draft = {**entry, "label": f"{delivery.label} (draft)", "text_only_count": 0, "targeted_count": None}
    prepared = max(sent_at - 45 * MINUTE, until - SPAN)
    entries = [(prepared, draft), (sent_at + 2 * HOUR, entry)]
    entries += [(prepared, link) for link in delivery.link_entries()]
    for message in messages if delivery.naming == "claim" else ():
        # The export of one claim in ten comes a day late: its events wait under unassigned:ses until then.
        arrival = sent_at + (20 * HOUR if rng.random() < 0.1 else 20 * MINUTE)
        claim = {"entry_type": "message", "message_id": message.message_id, "delivery_id": delivery.delivery_id}
        entries.append((arrival, {**claim, "recipient_id": message.person.recipient_id}))
    return (Told(arrival, "catalog", orjson.dumps(written)) for arrival, written in entries)


def _tell_often(plan: Plan, until: int) -> None:
    """One open comes 46 times within 29 hours, as SendGrid has been seen to send one."""
    act = next(
        act for act in plan.acts["d-newsletter-janvier"] if act.raw == "open" and act.arrivals[0] < until - 30 * HOUR
    )
    known = len([arrival for arrival in act.arrivals if arrival < until])
    act.arrivals = [act.arrivals[0] + number * 29 * HOUR // 45 for number in range(46)]
    for copy in range(known, 46):
        plan.told.append(Told(act.arrivals[copy], "sendgrid", orjson.dumps(shapes.record(act, copy))))
    plan.duplicate_count += 46 - known


def _orphans(planner: Planner, source: str, everyone: list[people.Person], until: int) -> list[Act]:
    """Late readers of messages sent before Sillage was there: nothing says which delivery they belong to."""
    shape = "sns" if source == "ses" else source
    delivery = Delivery(f"unassigned:{source}", "", "", "fr", source, shape, "none", 0, 0, 0)
    link = Link("", f"{SITE}/archives/2025", "", "")
    acts = []
    for _ in range(4):
        person = planner.rng.choice([one for one in everyone if one.reader == "client" and not one.is_scanned])
        message = Message(delivery, person, _message_id(planner.rng, delivery), until - 40 * DAY)
        at = until - planner.rng.randint(10, 60) * HOUR
        acts.append(planner.act(message, "open", at, agent=person.open_agent))
        acts.append(planner.act(message, "click", at + 30 * SECOND, agent=person.click_agent, link=link))
    return acts


def _stray(stray: Stray, arrival: int) -> Told:
    return Told(arrival, stray.layout, stray.payload, stray.fate, stray.is_alone)


def _empty(out: Path) -> None:
    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise ValueError(f"{out} holds files that are no demo: name another folder, or empty this one yourself.")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / MARK).touch()


def _write(told: list[Told], out: Path, until: int) -> int:
    """Write the files of every layout and hour; returns their number."""
    by_folder: dict[tuple[str, int], list[Told]] = defaultdict(list)
    for one in sorted(told, key=lambda one: one.arrival):
        by_folder[one.layout, one.arrival // HOUR].append(one)
    count = 0
    for (layout, hour), records in sorted(by_folder.items()):
        folder = out / SOURCES.get(layout, layout) / _hour_path(layout, hour)
        folder.mkdir(parents=True, exist_ok=True)
        for number, batch in enumerate(_batches(records, FILE_RECORDS[layout])):
            _write_file(folder, layout, hour, number, batch)
            count += 1
    for source in ("canonical", "sendgrid"):
        folder = out / source / _hour_path(source, until // HOUR - 30)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "empty.json").touch()
    return count + 2


def _hour_path(layout: str, hour: int) -> str:
    moment = datetime.fromtimestamp(hour * 3600, UTC)
    # Firehose makes its own folders.
    return f"{moment:%Y/%m/%d/%H}" if layout == "firehose" else f"{moment:%Y-%m-%d/%H}"


def _batches(records: list[Told], size: int) -> Iterator[list[Told]]:
    together = [one for one in records if not one.is_alone]
    pieces = math.ceil(len(together) / size)
    for piece in range(pieces):
        yield together[len(together) * piece // pieces : len(together) * (piece + 1) // pieces]
    yield from ([one] for one in records if one.is_alone)


def _write_file(folder: Path, layout: str, hour: int, number: int, batch: list[Told]) -> None:
    moment = datetime.fromtimestamp(batch[0].arrival // 1000, UTC)
    name = f"{layout}-{moment:%Y-%m-%d-%H-%M-%S}-{number:03d}.json"
    if batch[0].is_alone:
        (folder / name).write_bytes(batch[0].payload)
        return
    payloads = [one.payload for one in batch]
    is_array = layout == "sendgrid"
    content = b"[" + b",".join(payloads) + b"]" if is_array else b"\n".join(payloads) + b"\n"
    if layout == "firehose" and hour % 24 == 21 and number == 0:
        # A machine that died while it wrote: all records are there, the end of the gzip is not.
        packer = zlib.compressobj(wbits=31)
        (folder / f"{name}.gz").write_bytes(packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH))
    elif (layout == "firehose" and hour % 3 == 0) or (layout == "sns" and hour % 4 == 0):
        import zstandard

        (folder / f"{name}.zst").write_bytes(zstandard.ZstdCompressor(level=3).compress(content))
    elif layout in ("firehose", "sendgrid", "eventbridge") and hour % 3 == 1:
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, 5, mtime=0))
    else:
        (folder / name).write_bytes(content)


def _truth(plan: Plan, seed: int, until: datetime, scale: float) -> dict[str, object]:
    nothing: dict[str, int | None] = {"targeted_count": None, "to_deliver_count": None, "text_only_count": 0}
    figures = {}
    for delivery_id, acts in sorted(plan.acts.items()):
        delivery = plan.deliveries.get(delivery_id) or acts[0].message.delivery
        figures[delivery_id] = truth.delivery_figures(delivery, acts, plan.catalog.get(delivery_id, nothing))
    fates = Counter(one.fate for one in plan.told)
    catalog_count = sum(one.layout == "catalog" and one.fate == "event" for one in plan.told)
    rejected = {reason: count for reason, count in sorted(fates.items()) if reason not in ("event", OTHER)}
    windows: dict[str, Counter[str]] = defaultdict(Counter)
    for one in plan.told:
        window = windows[f"{datetime.fromtimestamp(one.arrival // HOUR * 3600, UTC):%Y-%m-%dT%H:%MZ}"]
        is_other = one.fate == OTHER or (one.layout == "catalog" and one.fate == "event")
        window.update(record_count=1, other_count=is_other, rejected_count=not is_other and one.fate != "event")
    return {
        "seed": seed,
        "until": f"{until.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
        "scale": scale,
        "totals": {
            "record_count": len(plan.told),
            "event_count": sum(map(len, plan.acts.values())),
            "duplicate_count": plan.duplicate_count,
            "other_count": fates[OTHER] + catalog_count,
            "catalog_count": catalog_count,
            "rejected_count": sum(rejected.values()),
            "rejected_by_reason": rejected,
        },
        "windows": {window: dict(counts) for window, counts in sorted(windows.items())},
        "deliveries": figures,
    }
