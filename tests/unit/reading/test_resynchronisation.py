"""One broken record costs itself and at most a neighbour, in any layout, at a cost in proportion to the file."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sillage.reading import resynchronisation
from sillage.reading.extent import GUESS_BYTES
from sillage.reading.framing import Broken, Framer
from sillage.reading.records import SIZE_LIMIT
from sillage.reading.resynchronisation import TRY_BYTES, WORK_PER_BYTE

AGENT = "Mozilla/5.0 (X11; Linux) like Gecko"
HEADERS = [{"name": "From", "value": "Ada"}, {"name": "To", "value": "Bo {x}"}, {"name": "Subject", "value": "Hi"}]
# That of the tests of cost, which need files of many times its size.
SMALL_LIMIT = GUESS_BYTES


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def read(content: bytes, size: int = 1 << 18) -> list[tuple[int, object]]:
    """Line and content of every record, or line and reason of every broken one."""
    pieces = Framer(chunked(content, size)).records()
    return [(p.line_number, p.reason) if isinstance(p, Broken) else (p[0], p[2]) for p in pieces]


def event(number: int, kind: str) -> dict[str, object]:
    """Three shapes, two of them with lists of objects inside, which must not be taken for records."""
    if kind == "flat":
        return {"event": "open", "n": number, "useragent": AGENT}
    if kind == "bounce":
        recipients = [{"emailAddress": f"r{n}@example.com", "status": "5.1.1"} for n in range(3)]
        return {"eventType": "Bounce", "n": number, "bounce": {"bouncedRecipients": recipients}, "x": AGENT}
    return {"eventType": "Open", "n": number, "mail": {"headers": HEADERS, "tags": {"a": ["b"]}}, "x": AGENT}


# Each breaks an object in its own way; the second argument chooses where.
BREAKS: dict[str, Callable[[bytes, float], bytes]] = {
    "stray quote": lambda raw, at: raw.replace(b"Linux", b'Li"nux'),
    "two stray quotes": lambda raw, at: raw.replace(b"Linux", b'Li"n"ux'),
    "quote anywhere": lambda raw, at: raw[: 1 + int(at * (len(raw) - 2))] + b'"' + raw[1 + int(at * (len(raw) - 2)) :],
    "cut": lambda raw, at: raw[: 1 + int(at * (len(raw) - 2))],
    "no closing brace": lambda raw, at: raw[:-1],
    "a closing brace too many": lambda raw, at: raw + b"}",
    "no opening brace": lambda raw, at: raw[1:],
    "escaped end of text": lambda raw, at: raw.replace(b"Gecko", b"Gecko\\"),
    "no comma": lambda raw, at: raw.replace(b", ", b" ", 1),
    "no colon": lambda raw, at: raw.replace(b": ", b" ", 1),
    "line break in a text": lambda raw, at: raw.replace(b"Linux", b"Lin\nux"),
    "NUL": lambda raw, at: raw.replace(b"Linux", b"Lin\\u0000ux"),
    "no UTF-8": lambda raw, at: raw.replace(b"Linux", b"Lin\xe9ux"),
    "braces": lambda raw, at: raw.replace(b"Linux", b'"}{"'),
}
# Each joins objects to a file.
LAYOUTS: dict[str, Callable[[list[bytes]], bytes]] = {
    "joined": b"".join,
    "joined with blanks": b" ".join,
    "joined with a backslash and n": b"\\n".join,
    "lines": b"\n".join,
    "CRLF lines": b"\r\n".join,
    "array on one line": lambda raws: b"[" + b",".join(raws) + b"]",
    "arrays joined": lambda raws: b"".join(b"[" + raw + b"]" for raw in raws),
    "array, an item a line": lambda raws: b"[\n" + b",\n".join(raws) + b"\n]\n",
    "array, commas first": lambda raws: b"[" + b"\n,".join(raws) + b"\n]\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("how", BREAKS)
@settings(max_examples=4, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["flat", "bounce", "headers"]), min_size=3, max_size=7),
    place=st.integers(0, 6),
    at=st.floats(0, 1),
    size=st.sampled_from([1, 7, 64]),
)
def test_one_broken_record_costs_itself_and_at_most_a_neighbour(
    layout: str, how: str, kinds: list[str], place: int, at: float, size: int
) -> None:
    events = [event(number, kind) for number, kind in enumerate(kinds)]
    raws = [json.dumps(one).encode() for one in events]
    place %= len(raws)
    raws[place] = BREAKS[how](raws[place], at)
    content = LAYOUTS[layout](raws)
    found = read(content)
    assert found == read(content, size), "the chunks matter"
    sound = [record for _, record in found if record in events]
    lost = [number for number, one in enumerate(events) if one not in sound and number != place]
    assert len(lost) <= 1
    assert sound == [one for one in events if one in sound], "out of order"
    if len(sound) < len(events):
        rejected = [record for _, record in found if isinstance(record, str)]
        others = [record for _, record in found if isinstance(record, dict) and record not in events]
        # Where the break is in a list inside the record, the rest of the list comes out as records.
        assert 1 <= len(rejected) <= 3
        assert len(others) <= len(HEADERS)


@pytest.mark.parametrize("layout", ["joined", "array on one line", "array, an item a line", "lines"])
def test_every_broken_one_of_many_is_counted(layout: str) -> None:
    events = [event(number, "headers") for number in range(60)]
    raws = [json.dumps(one).encode() for one in events]
    broken = [number for number in range(60) if number % 7 in (2, 3)]
    for number in broken:
        raws[number] = BREAKS["stray quote"](raws[number], 0)
    found = read(LAYOUTS[layout](raws))
    assert [r for _, r in found if isinstance(r, dict)] == [one for n, one in enumerate(events) if n not in broken]
    assert [r for _, r in found if isinstance(r, str)] == ["not_json"] * len(broken)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # Text between objects is skipped or rejected alone.
        (b'{"a":1}\\n{"b":2}\\r\\n{"c":3}\\n', [(1, {"a": 1}), (1, {"b": 2}), (1, {"c": 3})]),
        (b'{"a":1};{"b":2}', [(1, {"a": 1}), (1, "not_json"), (1, {"b": 2})]),
        (b'{"a":1}}{"b":2}', [(1, {"a": 1}), (1, "not_json"), (1, {"b": 2})]),
        (b'{"a":1}, , ,{"b":2},,', [(1, {"a": 1}), (1, {"b": 2})]),
        (b'{"a":1}\xef\xbb\xbf{"b":2}', [(1, {"a": 1}), (1, {"b": 2})]),
        # A line that begins with text is text, unless a record has ended on it.
        (b'INFO {"a":1}\n{"b":2}', [(1, "not_json"), (2, {"b": 2})]),
        (b'e":1}}{"a":1}{"b":2}', [(1, "not_json"), (1, {"a": 1}), (1, {"b": 2})]),
        # An array stays open, and its brackets and commas are no records.
        (b'[\n{"a":1},\n{"b":"x},\n7,\n{"c":3}\n]\n{"d":4}', [(2, {"a": 1}), (3, "cut_line"), (4, "not_an_event"),
                                                             (5, {"c": 3}), (7, {"d": 4})]),
        (b'[{"a":1},{"b":"x"y"}]\n{"c":3}\n', [(1, {"a": 1}), (1, "not_json"), (2, {"c": 3})]),
        (b'[\n{"a":1}]\n,{"b":2}\n]\n', [(2, {"a": 1}), (3, {"b": 2})]),
        (b'[[{"a":1}],[{"b":2},7]]', [(1, {"a": 1}), (1, {"b": 2}), (1, "not_an_event")]),
        # A list of objects inside the broken record is a part of it.
        (b'{"a":"x"y","l":[{"b":1},{"c":2}],"z":1}{"d":1}', [(1, "not_json"), (1, {"d": 1})]),
        (b'[{"a":"x"y","l":[{"b":1},{"c":2}]},{"d":1}]', [(1, "not_json"), (1, {"d": 1})]),
        # Its writer was stopped and began again.
        (b'{"a":"tru{"a":2}{"a":3}', [(1, "cut_line"), (1, {"a": 2}), (1, {"a": 3})]),
        # Pretty-printed.
        (b'{\n "a": "x"y"\n}{\n "b": 2\n}\n', [(1, "not_json"), (3, {"b": 2})]),
        (b'[\n {\n  "a": "x"y",\n  "l": [\n   {"b": 1},\n   {"c": 2}\n  ]\n },\n {\n  "d": 4\n }\n]\n',
         [(2, "not_json"), (9, {"d": 4})]),
    ],
)  # fmt: skip
def test_reading_goes_on_where_it_should(content: bytes, expected: list[tuple[int, object]]) -> None:
    for size in (1, 5, 1 << 18):
        assert read(content, size) == expected


def test_what_is_lost_is_kept_with_its_line_and_its_bytes() -> None:
    broken = b'{"a":"x"y"}'
    pieces = list(Framer(iter([b'{"n":1}\n{"n":2}' + broken + b'{"n":3}'])).records())
    (lost,) = (piece for piece in pieces if isinstance(piece, Broken))
    assert (lost.line_number, lost.reason, lost.payload, lost.byte_count) == (2, "not_json", broken, len(broken))
    assert "column 9 of the record" in lost.detail


@pytest.mark.parametrize("tail", [b'"}', b"", b'" "}'])
def test_an_object_over_the_limit_that_is_broken_does_not_take_the_file_with_it(tail: bytes) -> None:
    large = b'{"a":"' + b"y" * (SIZE_LIMIT + 1000) + tail
    content = b'{"a":"1"}' + large + b'{"a":"2"}{"a":"3"}' * 2000
    found = read(content, 1 << 16)
    assert found[:2] == [(1, {"a": "1"}), (1, "too_large")]
    assert len(found) >= 2 + 2 * 2000 - 1


def test_a_file_cut_at_its_front_loses_its_first_record_only() -> None:
    raws = [json.dumps(event(number, "headers")).encode() for number in range(20)]
    content = b"".join(raws)[40:]
    assert [type(record) for _, record in read(content)] == [str, *[dict] * 19]


def hostile() -> dict[str, bytes]:
    sound = json.dumps(event(1, "headers")).encode()
    broken = BREAKS["stray quote"](sound, 0)
    letters = random.Random(1)
    units = {
        "one in ten": sound * 9 + broken,
        "all": broken,
        "cut lines": b'{"a":"x\n',
        "braces and a quote": b'}{"',
        "nested": b'},{"a":[{',
        "nested with a head": b'{"k":[{},',
        "begun again": b'{"a":"x',
        "pretty": b'{\n"k":[\n',
        "heads": b'}{"a":"x',
        "long": b'{"a":"' + b"y" * 5000 + b'"}{"a" "' + b"y" * 5000 + b'"}',
        "sound prefix": b'{"k":[1,' + b"1," * 700,
        "noise": bytes(letters.choice(b'{}[]",:\\ \n1ak') for _ in range(10_000)),
        "noise on one line": bytes(letters.choice(b'{}[]",:\\ 1ak') for _ in range(10_000)),
    }
    return {name: unit * (1 + (1 << 15) // len(unit)) for name, unit in units.items()}


HOSTILE = hostile()


@pytest.mark.parametrize("name", HOSTILE)
def test_the_work_is_in_proportion_to_the_bytes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resynchronisation, "WORK_AHEAD", 1 << 14)
    content = HOSTILE[name]
    framer = Framer(chunked(content, 1 << 10), SMALL_LIMIT)
    assert any(True for _ in framer.records())
    # The last try may go beyond what was left.
    assert framer.effort.spent <= (1 << 14) + WORK_PER_BYTE * len(content) + SMALL_LIMIT + TRY_BYTES


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_is_bounded_by_two_records_and_a_chunk(name: str) -> None:
    framer = Framer(chunked(HOSTILE[name] * 2, 1 << 10), SMALL_LIMIT)
    assert max(len(framer._data) for _ in framer.records()) <= 2 * SMALL_LIMIT + 2 * (1 << 10)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_chunks_do_not_matter_in_files_of_many_times_the_limit(name: str) -> None:
    found = [list(Framer(chunked(HOSTILE[name] * 2, size), SMALL_LIMIT).records()) for size in (333, 1 << 20)]
    assert found[0] == found[1]
