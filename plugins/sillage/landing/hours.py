"""A window of the landing zone into raw.*: every record becomes a row or a rejected record, every file a ledger entry.

One transaction per source and hour, or share of one, holds the rows, the rejected records and the ledger. Files that the ledger
knows unchanged are left alone; changed and vanished ones have exactly their rows replaced or removed.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from ..reading import instants, rejection
from ..reading.framing import Broken
from ..runs import journal, turn
from ..sources import Source, registry
from ..warehouse.connection import connect, transaction
from ..window import HOUR, Window
from . import ledger, user_agents, vanished
from .column_maps import NAME, ColumnMaps
from .documents import Documents, Landed, refused
from .kept import assert_complete, assert_kept
from .late_hours import LateHours
from .loader import Loader
from .pieces import Pieces
from .readable import Readable, reason_unread
from .report import HourReport, LandingReport
from .shares import Remainder, Share
from .zone import (
    LOOK_AHEAD,
    READ_AHEAD,
    Found,
    LandingError,
    Unread,
    Zone,
    days_of,
    open_zone,
    shown,
    unread_above,
    unread_of,
)

__all__ = ["LandingError", "LandingReport", "land", "land_group"]

log = logging.getLogger(__name__)

# Clocks of providers run ahead by seconds, of devices by hours; more than a day is a broken time. Counted from the end
# of the hour of arrival, not from now, so that a rerun judges the same.
FUTURE_LIMIT = 24 * instants.HOUR
# A disk tells a file's time in nanoseconds, the same disk behind a URL as a rounded fraction of a second.
SAME_TIME = timedelta(milliseconds=1)


def land(
    url: str,
    landing_zone: str,
    run_id: str,
    window: Window,
    *,
    late_hours: int = 48,
    force: bool = False,
    allow_vanished: bool = False,
    rejected_share_limit: float = 0.5,
    rejected_count_limit: int = 1000,
    at_once: int | None = None,
) -> LandingReport:
    """Land the hours of `window`, and those up to `late_hours` before it whose folders gained files, for run `run_id`.

    `url` is the warehouse, `landing_zone` a folder or a URL. `force` reads every file of `window` again, as after a fix
    of a reader; `allow_vanished` takes it for meant that most files of a published hour are gone. After `at_once` bytes of `window`
    the rest of it is left in the report's `groups`: whoever lands them (land_group) then calls this again, without that limit,
    which settles what the run takes. Returns what was done; a late hour that cannot be landed is left aside, and told there.
    Raises LandingError when the zone cannot be used, when a file of `window` cannot be read (UnreadableError), when most files of
    published hours are gone (VanishedError), and, after all was landed, when a source has more than `rejected_count_limit`
    rejected records in `window` and they are more than `rejected_share_limit` of its records.
    """
    zone = open_zone(landing_zone)
    span = Window(window.start - timedelta(hours=late_hours), window.end)
    report = LandingReport(unread_folders=[name for name in zone.folders() if name not in registry()])
    rest = Remainder(at_once)
    with connect(url) as connection:
        with transaction(connection) as cursor:
            for name in registry():
                cursor.execute("select raw.ensure_source(%s)", (name,))
            late = LateHours(cursor, span, window.start)
        assert_kept(late.expired, window)
        if not allow_vanished:
            with transaction(connection) as cursor:
                published = ledger.published_hours(cursor, window)
                for name in registry():
                    vanished.assert_there(cursor, zone, name, published, late.pending_of(name))
        for source in registry().values():
            maps = ColumnMaps(zone, source)
            strays = report.unread[source.name] = unread_above(zone, source.name, days_of(window), _maps_of(source))
            for hour, folders in _hours(connection, zone, source, late, strays):
                landing = _HourLanding(
                    connection, zone, Share(source.name, hour), run_id, maps, late.pending_of(source.name), rest
                )
                with late.sparing(hour):
                    done = landing.land(folders, is_late=hour < window.start, force=force)
                    if done is not None:
                        report.hours.append(done)
                        late.gained.add(hour)
        report.groups = rest.groups()
        if len(report.groups) > 1:
            return report
        for group in report.groups:  # one alone is not worth a task
            report.hours += _land_shares(connection, zone, run_id, group, force=force)
        report.groups = []
        limits = rejected_share_limit, rejected_count_limit
        with transaction(connection) as cursor:
            crowd = _settle(cursor, run_id, window, late, report, limits)
    if crowd:
        raise LandingError(
            f"{crowd} Nothing is published: repair the files, or the reader (then land again with force), or raise"
            " SILLAGE_REJECTED_SHARE_LIMIT if they are to be left out; then clear the run."
        )
    return report


def land_group(
    url: str, landing_zone: str, run_id: str, group: Iterable[Share], *, force: bool = False
) -> list[HourReport]:
    """Land the files of `group`, which `land` left to others, for `run_id`; returns what was done, an entry for each share.

    Files that are in the ledger already, as after another try, are left alone, and what is gone is left to `land`, which asks
    first whether a disk has gone. Raises what `land` raises of files.
    """
    zone = open_zone(landing_zone)
    with connect(url) as connection, connect(url, "sillage user agents") as beside:

        def identify(_: Cursor, agents: set[str]) -> None:
            # The groups of an hour meet the same agents: in its own transaction, one would wait for the other's commit.
            with transaction(beside) as cursor:
                user_agents.identify(cursor, agents)

        return _land_shares(connection, zone, run_id, group, identify, force=force, keeps_vanished=True)


def _land_shares(
    connection: Connection,
    zone: Zone,
    run_id: str,
    group: Iterable[Share],
    identify: Callable[[Cursor, set[str]], object] = user_agents.identify,
    *,
    force: bool,
    keeps_vanished: bool = False,
) -> list[HourReport]:
    done = []
    for share in group:
        source = registry()[share.source]
        landing = _HourLanding(
            connection, zone, share, run_id, ColumnMaps(zone, source), identify=identify, keeps_vanished=keeps_vanished
        )
        folders = zone.hours(source.name, [share.hour.date()]).get(share.hour, [])
        done.append(landing.land(folders, is_late=False, force=force))
    return [report for report in done if report is not None]


def _settle(
    cursor: Cursor,
    run_id: str,
    window: Window,
    late: LateHours,
    report: LandingReport,
    limits: tuple[float, int],
) -> str | None:
    """Note which hours the run takes and which late ones it leaves aside; give a sentence where its own were rejected."""
    turn.assert_held(cursor, run_id)
    own = [hour.start for hour in window.hours()]
    assert_complete(cursor, own)
    for hour in late.taken():
        with late.sparing(hour):
            assert_complete(cursor, [hour])
            crowd = ledger.rejected_crowd(cursor, [hour], *limits)
            if crowd:
                raise LandingError(crowd)
    ledger.unpack(cursor, [*own, *late.taken()])
    journal.set_run_windows(cursor, run_id, window, late.taken())
    report.before = ledger.landed_before(cursor, run_id, own, report)
    late.tell(cursor, run_id, report)
    return ledger.rejected_crowd(cursor, own, *limits)


def _hours(
    connection: Connection, zone: Zone, source: Source, late: LateHours, strays: Unread
) -> Iterator[tuple[datetime, list[str]]]:
    """The hours to look at, oldest first, with their folders; also those that only the ledger knows.

    Day by day, so that no more of the zone is held than a few days; `strays` counts what stands in no hour folder of them.
    """
    span = late.span
    with transaction(connection) as cursor:
        asked = ledger.hours(cursor, source.name, Window(late.start, span.end))
    known = {*asked, *(hour for hour, name in late.pending if name == source.name)}
    days = days_of(span)
    for number, day in enumerate(days):
        zone.look_ahead(source.name, days[number : number + LOOK_AHEAD])
        found, is_listed = {}, False
        # A day of late hours alone that cannot be listed is told with the first of them.
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        with late.sparing(max(midnight, span.start) if midnight + 24 * HOUR <= late.start else late.start):
            found, is_listed = zone.hours(source.name, [day]), True
        if not is_listed:
            continue  # what cannot be listed has not vanished
        strays.update(unread_of(zone, source.name, day, _maps_of(source)))
        for hour in sorted({*found, *(hour for hour in known if hour.date() == day)}):
            if span.start <= hour < span.end and hour not in late.expired:
                yield hour, found.get(hour, [])


def _maps_of(source: Source) -> list[str]:
    """The names of files that may stand above the hours of `source`."""
    return [NAME] if source.table else []


@dataclass(frozen=True)
class _HourLanding:
    """A share of one source's hour, landed in one transaction. `pending` are paths that were landed late and never published.

    With `keeps_vanished` the rows of files that are gone stay: the task that settles asks first whether a disk has gone.
    """

    connection: Connection
    zone: Zone
    share: Share
    run_id: str
    maps: ColumnMaps
    pending: set[str] = field(default_factory=set)
    rest: Remainder = field(default_factory=Remainder)
    identify: Callable[[Cursor, set[str]], object] = user_agents.identify
    keeps_vanished: bool = False

    @property
    def source(self) -> Source:
        """Whose files they are."""
        return registry()[self.share.source]

    @property
    def hour(self) -> datetime:
        """The hour in which they arrived."""
        return self.share.hour

    def land(self, folders: list[str], *, is_late: bool, force: bool) -> HourReport | None:
        """Bring raw.* in line with what stands in `folders`; None when it already is, or where that is left to groups.

        What is published of a late hour only gains: a published file that is no longer there is not taken for vanished
        unless its hour is asked for.
        """
        files = (file for folder in folders for file in self.zone.files(folder))
        files = (file for file in files if self.share.holds(file.path) and not self.maps.is_map(file.path))
        found = sorted(files, key=lambda file: file.path)
        with transaction(self.connection) as cursor:
            known = ledger.entries(cursor, self.source.name, self.hour)
            just_landed = ledger.just_landed(cursor, self.run_id, self.source.name, self.hour)
        known = {path: entry for path, entry in known.items() if self.share.holds(path)}
        # What retention took did not vanish from the hour: assert_complete says what to do.
        standing = {path for path, entry in known.items() if not entry.is_dropped}
        touched: list[int] = []
        replaced: set[str] = set()
        news: list[Found] = []
        # Late files are told by their times, and so are those that an earlier task or try of this run has landed.
        read = deque(
            [] if is_late or force else [file for file in found if file.path in known and file.path not in just_landed]
        )
        for file in found:
            self._read_ahead(read, file)
            entry = known.pop(file.path, None)
            if entry is None:
                news.append(file)
            elif self._is_changed(file, entry, by_time=is_late or file.path in just_landed, force=force):
                news.append(file)
                touched.append(entry.file_id)
                if is_late and (file.path not in self.pending or entry.replaces_published):
                    replaced.add(file.path)
        gone = sorted(known.keys() & standing)
        if is_late:
            gone = [path for path in gone if path in self.pending and not known[path].replaces_published]
        elif self.keeps_vanished:
            gone = []
        if not news and not gone:
            return None
        if not is_late and self.rest.leaves(self.share, news):
            with transaction(self.connection) as cursor:
                self._begin(cursor)
            return None
        done = HourReport(self.source.name, self.hour, is_late, len(found) - len(news), len(gone))
        with transaction(self.connection) as cursor:
            self._begin(cursor)
            ledger.remove(cursor, self.source.name, self.hour, touched + [known[path].file_id for path in gone])
            self._load(cursor, news, replaced, done)
            journal.write(cursor, self.run_id, "land hour", "succeeded", done.sentence(), done.counts())
            # Again, and kept until the commit: what a run that lost its turn meanwhile has read must not be written.
            turn.assert_held(cursor, self.run_id, until_commit=True)
        log.info("%s", done.sentence())
        for problem in done.problems:
            log.warning("%s", problem)
        return done

    def _begin(self, cursor: Cursor) -> None:
        turn.assert_held(cursor, self.run_id)
        cursor.execute("select ops.ensure_day_partition('raw', %s, %s)", (self.source.name, self.hour))
        cursor.execute("select ops.ensure_day_partition('ops', 'rejected_record', %s)", (self.hour,))

    def _read_ahead(self, files: deque[Found], now: Found) -> None:
        """`files` are read in their order, and `now` is next, if it is one: the zone may begin with those that follow."""
        if files and files[0] is now:
            self.zone.read_ahead([file.path for file in islice(files, READ_AHEAD) if file.problem is None])
            files.popleft()

    def _is_changed(self, file: Found, entry: ledger.Entry, *, by_time: bool, force: bool) -> bool:
        """Whether `file` is not what the ledger says, by its size and, with `by_time`, its time, else by its bytes."""
        if file.size != entry.size or (file.problem is None) != (entry.checksum != ""):
            return True
        if file.problem is not None:
            return False
        if by_time:
            return abs(file.modified_at - entry.modified_at) > SAME_TIME
        if force or entry.is_dropped:
            return True
        with Readable(self.zone, file) as content:
            content.exhaust()
            return content.checksum != entry.checksum

    def _load(self, cursor: Cursor, files: list[Found], replaced: set[str], done: HourReport) -> None:
        entries = []
        with Loader(cursor, self.source.name, self.hour, self.identify) as loader:
            ahead = deque(files)
            for file, file_id in zip(files, ledger.new_file_ids(cursor, len(files)), strict=True):
                self._read_ahead(ahead, file)
                loader.begin_file(file_id, file.path)
                try:
                    entries.append(self._load_file(loader, file, file_id))
                except (LandingError, OSError, psycopg2.Error):
                    raise
                except Exception as error:
                    raise LandingError(
                        f"The file {shown(file.path)} of the landing zone breaks its reader ({type(error).__name__}: {error}), so"
                        " nothing new of its hour was landed: move it away, clear the task, and report what it holds."
                    ) from error
        for entry in entries:
            entry.replaces_published = entry.path in replaced
            entry.rejected_count += loader.refused[entry.file_id]
            done.add(entry)
        done.rejected.update(loader.reasons)
        ledger.add(cursor, self.source.name, self.hour, self.run_id, entries)

    def _load_file(self, loader: Loader, file: Found, file_id: int) -> ledger.Entry:
        """Every record of `file` to the loader. Raises UnreadableError when the file cannot be read."""
        entry = ledger.Entry(file_id, file.path, file.size, "", file.modified_at, problem=file.problem)
        if file.problem is not None:
            return entry
        with Readable(self.zone, file) as content:
            pieces = Pieces(self.source, self.maps, file.path, content)
            documents = Documents(self.source)
            entry.record_count, entry.rejected_count = self._load_records(loader, documents.records(pieces.records()))
            if reason := reason_unread(content):
                loader.reject(Broken(pieces.line, reason, content.problem or "", b"", content.size))
                entry.record_count += 1
                entry.rejected_count += 1
            content.exhaust()
            entry.size, entry.checksum = content.size, content.checksum
            entry.problem = content.problem or pieces.problem or documents.problem
        return entry

    def _load_records(self, loader: Loader, pieces: Iterator[Landed | Broken]) -> tuple[int, int]:
        """Returns how many records there were, and how many of them were rejected."""
        add, noted = loader.add, loader.agents
        earliest, latest = instants.YEAR_2000, instants.of_datetime(self.hour) + instants.HOUR + FUTURE_LIMIT
        count = rejected_count = last_line = item = 0
        for piece in pieces:
            count += 1
            if isinstance(piece, Broken):
                rejected_count += 1
                loader.reject(piece)
                continue
            line, raw, moment, agent = piece
            if moment is not None and not earliest <= moment <= latest:
                rejected_count += 1
                loader.reject(refused(line, raw, rejection.out_of_range(moment, earliest)))
                continue
            # An empty agent is one too: no browser sends it.
            if agent is not None and agent not in noted:
                loader.note_agent(agent)
            if line == last_line:
                item += 1
            else:
                last_line, item = line, 0
            add(line, item, moment, raw)
        return count, rejected_count
