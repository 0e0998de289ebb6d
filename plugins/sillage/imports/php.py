"""Mautic's lists of opens, which PHP has serialized, or newer versions written as JSON."""

from __future__ import annotations

from typing import Any

import orjson

# Deeper than any list of opens, and far from the stack's end.
DEPTH = 16


def opens(stored: bytes | None) -> list[dict[str, Any]]:
    """The opens in `stored`, each with its `datetime`, `useragent` and `inBrowser`; none where it cannot be read."""
    if not stored:
        return []
    try:
        value = orjson.loads(stored) if stored[:1] in b"[{" else unserialized(stored)
    except ValueError:
        return []
    if isinstance(value, dict):
        # Bounces stand beside the opens, under a name.
        value = [one for key, one in value.items() if key != "bounces"]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def unserialized(data: bytes) -> Any:
    """What PHP's `serialize` has made `data` of: arrays become dicts, texts str. Objects are refused. Raises ValueError."""
    value, end = _value(data, 0, DEPTH)
    if end != len(data):
        raise ValueError("something follows")
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    kind = data[at : at + 2]
    if kind == b"N;":
        return None, at + 2
    if kind in (b"i:", b"b:", b"d:"):
        end = data.index(b";", at)
        number = float(data[at + 2 : end]) if kind == b"d:" else int(data[at + 2 : end])
        return number, end + 1
    colon = data.index(b":", at + 2)
    length = int(data[at + 2 : colon])
    if kind == b"s:":
        start = colon + 2
        if length < 0 or data[start + length : start + length + 2] != b'";':
            raise ValueError("a text of another length")
        return data[start : start + length].decode("utf-8", "replace"), start + length + 2
    if kind != b"a:" or not depth:
        raise ValueError("no value that a list of opens has")
    found: dict[Any, Any] = {}
    at = colon + 2
    for _ in range(length):
        key, at = _value(data, at, depth - 1)
        if not isinstance(key, (int, str)):
            raise ValueError("a name that is none")
        found[key], at = _value(data, at, depth - 1)
    if data[at : at + 1] != b"}":
        raise ValueError("a list that does not end")
    return found, at + 1
