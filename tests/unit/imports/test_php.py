"""Mautic's stored lists of opens: what PHP has serialized, whole or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.imports import php

OPEN = {"datetime": "2021-06-01 08:00:00", "useragent": 'Ag"ent; é', "inBrowser": 0}


def serialized(value: object) -> bytes:
    """As PHP would write it."""
    if isinstance(value, bytes):
        return b's:%d:"%b";' % (len(value), value)
    if isinstance(value, str):
        return serialized(value.encode())
    if isinstance(value, dict):
        return b"a:%d:{%b}" % (len(value), b"".join(serialized(k) + serialized(v) for k, v in value.items()))
    return b"N;" if value is None else b"d:0.5;" if isinstance(value, float) else b"i:%d;" % value  # type: ignore[str-bytes-safe]


def test_opens_are_read_and_bounces_beside_them_are_not() -> None:
    assert php.opens(serialized({0: OPEN, 1: OPEN, "bounces": {0: {"code": 5.5}}})) == [OPEN, OPEN]
    assert php.opens(b'[{"datetime": "2021-06-01 08:00:00"}, 7]') == [{"datetime": "2021-06-01 08:00:00"}]
    assert php.opens(b'{"0": {"datetime": "x"}, "bounces": [1]}') == [{"datetime": "x"}]


@pytest.mark.parametrize(
    "stored",
    [None, b"", b"N;", b"i:7;", b"a:0:{}", b"a:1:{i:0;", b's:9:"short";', b's:-1:"";', b'O:8:"stdClass":0:{}', b"a:1:{i:0;i:1;}x",
     b"a:1:{a:0:{}i:1;}", b"a:99999999999:{", b"[1", b"a:1:{i:0;" * 2000, b"{}", b"7"],
)  # fmt: skip
def test_what_is_no_list_of_opens_is_none(stored: bytes | None) -> None:
    assert php.opens(stored) == []


values = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.integers() | st.text(), inner, max_size=3), max_leaves=8
)  # fmt: skip


@given(values, st.binary(max_size=4), st.integers(min_value=0))
def test_what_was_serialized_is_read_again_and_nothing_breaks_the_reader(value: object, odd: bytes, place: int) -> None:
    whole = serialized(value)
    assert php.unserialized(whole) == value
    at = place % (len(whole) + 1)
    php.opens(whole[:at] + odd + whole[at:])
