"""What dbt does anew in each of the hundreds of runs of a test process, done once; a run of the workflow is a process of its own.

A third of dbt's processor time: a model's template compiled to Python, the types that a column may have, and events of level
debug, which `--log-level none` leaves unread. What a run does in the warehouse stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import CodeType
from typing import Any
from unittest.mock import patch

from dbt_common.clients import agate_helper
from dbt_common.events.base_types import BaseEvent, DebugLevel, EventLevel
from dbt_common.events.event_manager import EventManager
from jinja2 import Environment

_compiled: dict[Any, CodeType] = {}
_build_type_tester = agate_helper.build_type_tester
_compile = Environment.compile
_init_event = BaseEvent.__init__
_get_of_event = BaseEvent.__getattr__
_fire_event = EventManager.fire_event


@lru_cache
def _type_tester(text_columns: tuple[str, ...], null_values: tuple[str, ...] | None) -> Any:
    return _build_type_tester(text_columns, null_values)


def _kept_type_tester(text_columns: Iterable[str], string_null_values: Iterable[str] | None = ("null", "")) -> Any:
    return _type_tester(tuple(text_columns), None if string_null_values is None else tuple(string_null_values))


def _kept_compile(self: Environment, source: Any, *rest: Any, **named: Any) -> Any:
    if not isinstance(source, str):
        return _compile(self, source, *rest, **named)
    key = (type(self), tuple(self.extensions), source, rest, tuple(named.items()))
    if key not in _compiled:
        _compiled[key] = _compile(self, source, *rest, **named)
    return _compiled[key]


def _init_event_later(self: BaseEvent, *words: Any, **told: Any) -> None:
    """An event's message is made when somebody asks for it."""
    vars(self)["_told"] = words, told


def _get_of_event_made_now(self: BaseEvent, key: str) -> Any:
    if "pb_msg" not in vars(self):
        words, told = vars(self)["_told"]
        _init_event(self, *words, **told)
    return _get_of_event(self, key)


def _is_unread(event: BaseEvent, level: EventLevel | None) -> bool:
    return isinstance(event, DebugLevel) and level in (None, EventLevel.DEBUG)


def _fire_read_event(
    self: EventManager, e: BaseEvent, level: EventLevel | None = None, *rest: Any, **named: Any
) -> None:
    if not _is_unread(e, level):
        _fire_event(self, e, level, *rest, **named)


@contextmanager
def dbt_shortcuts() -> Iterator[None]:
    """A context in which dbt takes them."""
    with ExitStack() as patched:
        patched.enter_context(patch.object(agate_helper, "build_type_tester", _kept_type_tester))
        patched.enter_context(patch.object(agate_helper, "empty_table", lru_cache(agate_helper.empty_table)))
        patched.enter_context(patch.object(Environment, "compile", _kept_compile))
        patched.enter_context(patch.object(BaseEvent, "__init__", _init_event_later))
        patched.enter_context(patch.object(BaseEvent, "__getattr__", _get_of_event_made_now))
        patched.enter_context(patch.object(EventManager, "fire_event", _fire_read_event))
        yield
