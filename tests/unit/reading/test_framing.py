"""How bytes become records, whatever the bytes are."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sillage.reading.framing import KEPT_BYTES, Broken, Framer
from sillage.reading.records import SIZE_LIMIT


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def read(content: bytes, size: int = 1 << 18) -> list[tuple[int, object]]:
    """Line and content of every record, or line and reason of every broken one."""
    pieces = Framer(chunked(content, size)).records()
    return [(p.line_number, p.reason) if isinstance(p, Broken) else (p[0], p[2]) for p in pieces]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n\n  \r\n", []),
        (b'{"a":1}\n{"b":2}', [(1, {"a": 1}), (2, {"b": 2})]),
        (b'{"a":1}\r\n\r\n{"b":2}\r\n', [(1, {"a": 1}), (3, {"b": 2})]),
        (b'\xef\xbb\xbf{"a":1}\n\xef\xbb\xbf{"b":2}\n', [(1, {"a": 1}), (2, {"b": 2})]),
        (b'{"a":1}{"b":{"c":2}} {"d":3}\n{"e":4}', [(1, {"a": 1}), (1, {"b": {"c": 2}}), (1, {"d": 3}), (2, {"e": 4})]),
        (b'[{"a":1},{"b":2}]\n[]\n[{"c":3}]', [(1, {"a": 1}), (1, {"b": 2}), (3, {"c": 3})]),
        (b'[\n  {\n    "a": [\n      {"b": 1}\n    ]\n  },\n  {"c": 2}\n]\n', [(2, {"a": [{"b": 1}]}), (7, {"c": 2})]),
        (b'{\n"a": {\n"b": "}{][\\""\n}\n}\n{"c":1}\n', [(1, {"a": {"b": '}{]["'}}), (6, {"c": 1})]),
        (b'{"a":1},\n{"b":2},\n', [(1, {"a": 1}), (2, {"b": 2})]),
        (b'\x1e{"a":1}\n\x1e{"b":2}\n', [(1, {"a": 1}), (2, {"b": 2})]),
        (b'\x1e{"a":1}\x1e{"b":2}\x1e[{"c":3}]\n\x1e', [(1, {"a": 1}), (1, {"b": 2}), (1, {"c": 3})]),
        (b'\x1e{"a":"1}\n\x1e{"a":2}\n', [(1, "cut_line"), (2, {"a": 2})]),
        (b'{"a":1,"a":2}\n', [(1, {"a": 2})]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 7, 1 << 18])
def test_every_layout_of_json_gives_its_records_with_their_lines(
    content: bytes, expected: list[tuple[int, object]], size: int
) -> None:
    assert read(content, size) == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello world", "not_json"),
        (b"{'a':1}", "not_json"),
        (b'{"a":NaN}', "not_json"),
        (b'{"a":1 {"b":2}}', "not_json"),
        (b'{"a":01}', "not_json"),
        (b'{"a":"x', "cut_line"),
        (b'{"a":"x\\', "cut_line"),
        (b'{"a":[1,{"b":2', "cut_line"),
        (b'{"a":', "cut_line"),
        (b'{"a":"caf\xe9"}', "not_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "not_utf8"),
        (b'{"a":"\xe9', "not_utf8"),
        (b'{"a":"\\u0000"}', "nul_character"),
        (b'{"a":"\x00"}', "nul_character"),
        (b'{"a":"\\\\\\u0000"}', "nul_character"),
        (b'{"a":"\\ud800"}', "lone_surrogate"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
        (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "too_deep"),
        (b'{"a":"' + b"x" * SIZE_LIMIT + b'"}', "too_large"),
        (b"x" * (3 * SIZE_LIMIT), "too_large"),
        (b"42", "not_an_event"),
        (b'"text"', "not_an_event"),
        (b"null", "not_an_event"),
        (b'[["nested"]]', "not_an_event"),
    ],
)
def test_a_broken_line_is_told_by_its_reason_and_loses_no_other(line: bytes, reason: str) -> None:
    content = b'{"n":1}\n' + line + b'\n{"n":2}\n{"n":3}\n'
    expected = [(1, {"n": 1}), (2, reason), (3, {"n": 2}), (4, {"n": 3})]
    for size in (len(content) // 7 + 1, len(content) // 50 + 1, 1 << 18):
        assert read(content, size) == expected


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":"\\\\u0000"}',  # an escaped backslash, then u0000
        b'{"a":' * 64 + b"1" + b"}" * 64,
        b'{"a":' + b"9" * 400 + b"}",
        b'{"a":1e400,"b":-1e-400}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":"' + b"[" * 1000 + b'"}',
        b'{"a":"' + b"x" * (SIZE_LIMIT - 8) + b'"}',
    ],
)
def test_what_is_unusual_but_sound_is_kept_byte_for_byte(content: bytes) -> None:
    for whole in (content, content + b"\n", b"[" + content + b"]", content + b'{"n":1}'):
        first = next(Framer(chunked(whole, 1 << 16)).records())
        assert not isinstance(first, Broken)
        assert first[1] == content


def test_a_broken_item_of_an_array_leaves_the_items_on_other_lines() -> None:
    content = b'[\n  {"a": 1},\n  {"b": "x},\n  {"c": 3},\n  7,\n  {"d": 4}\n]\n{"e": 5}\n'
    assert read(content) == [
        (2, {"a": 1}),
        (3, "cut_line"),
        (4, {"c": 3}),
        (5, "not_an_event"),
        (6, {"d": 4}),
        (8, {"e": 5}),
    ]


def test_a_pretty_printed_record_that_is_cut_is_one_broken_record() -> None:
    content = b'{\n  "a": "x\n  "b": {"c": 1}\n}\n{"d":2}\n{\n  "e": [\n{"f":3}\n{"g":4}\n'
    assert read(content) == [(1, "cut_line"), (5, {"d": 2}), (6, "cut_line"), (8, {"f": 3}), (9, {"g": 4})]


def test_an_array_that_is_not_closed_gives_its_records_and_marks_the_file() -> None:
    framer = Framer(iter([b'{"a":1}\n[{"b":2},\n{"c":3}\n']))
    assert [piece[2] for piece in framer.records() if not isinstance(piece, Broken)] == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert framer.problem == "The array that starts on line 2 is not closed."


def test_an_item_over_the_limit_does_not_take_the_array_with_it() -> None:
    large = b'{"a":"' + b"\\\\x" * SIZE_LIMIT + b'","b":[{"c":{}}]}'
    pieces = list(Framer(chunked(b'[{"n":1},' + large + b',{"n":2}]', 1 << 18)).records())
    assert [piece.reason if isinstance(piece, Broken) else piece[2] for piece in pieces] == [
        {"n": 1},
        "too_large",
        {"n": 2},
    ]
    assert isinstance(pieces[1], Broken)
    assert (pieces[1].byte_count, pieces[1].payload) == (len(large), large[:KEPT_BYTES])


def test_brackets_without_end_are_given_up_at_the_end_of_their_line() -> None:
    assert read(b"[" * (2 * SIZE_LIMIT) + b'\n{"a":1}\n')[-1] == (2, {"a": 1})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
SOUND = st.dictionaries(st.text(max_size=6), JSON, max_size=5).filter(lambda d: "\\u0000" not in json.dumps(d))
# Few examples of many shapes: the suite has ten seconds.
few = settings(max_examples=25, deadline=None)
SIZES = st.sampled_from([1, 3, 64, 1 << 18])


@few
@given(st.lists(st.tuples(SOUND, st.sampled_from([None, 0, 2]))), st.sampled_from([b"\n", b"", b"\r\n"]), SIZES)
def test_objects_written_in_any_layout_are_read_as_they_were(
    documents: list[tuple[dict[str, object], int | None]], separator: bytes, size: int
) -> None:
    content = separator.join(json.dumps(document, indent=indent).encode() for document, indent in documents)
    assert [record for _, record in read(content, size)] == [document for document, _ in documents]


@few
@given(st.lists(SOUND), st.sampled_from([None, 0, 2]), SIZES)
def test_an_array_in_any_layout_is_read_item_by_item(
    items: list[dict[str, object]], indent: int | None, size: int
) -> None:
    assert [record for _, record in read(json.dumps(items, indent=indent).encode(), size)] == items


@few
@given(st.lists(st.tuples(SOUND, st.floats(0, 1, exclude_max=True)), max_size=8), SIZES)
def test_a_sound_line_is_read_whatever_was_cut_before_it(
    documents: list[tuple[dict[str, object], float]], size: int
) -> None:
    lines, expected = [], []
    for number, (document, share) in enumerate(documents):
        whole = json.dumps(document).encode()
        lines += [whole[: int(len(whole) * share)], json.dumps({"n": number}).encode()]
        expected.append({"n": number})
    found = [record for _, record in read(b"\n".join(lines), size) if isinstance(record, dict)]
    assert [record for record in found if record in expected] == expected


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"\\", b"\n", b",", b":", b" ", b'"a"', b"1", b"\xff", b"x"])
    )
)
def test_no_bytes_stop_the_reading_and_the_chunks_do_not_matter(parts: list[bytes]) -> None:
    content = b"".join(parts)
    whole = read(content)
    assert all(read(content, size) == whole for size in (1, 5))
    assert all(isinstance(record, dict) for _, record in whole if not isinstance(record, str))
    if content.strip(b" \n,[]"):
        assert whole
