"""What was told and is not over: a file in SILLAGE_HOME, so that it is known when the database is what died.

Who shares the home shares the memory: the probe and Airflow's DAG processor send one message between them.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


@contextmanager
def opened(home: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """The open alerts by slot, held alone within the block and written at its end; whatever was changed until it raised, too.

    A home that cannot be written costs the memory and not the message: it is then sent again by the next who looks.
    """
    file = home / "run" / "alerts.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_suffix(".lock").open("w", encoding="utf-8")
    except OSError as error:
        log.warning("What was alerted cannot be remembered (%s): a message may come twice.", error)
        yield {}
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _read(file)
        before = json.dumps(known)
        try:
            yield known
        finally:
            if (now := json.dumps(known)) != before:
                _write(file, now)


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {slot: one for slot, one in known.items() if isinstance(one, dict)} if isinstance(known, dict) else {}


def _write(file: Path, text: str) -> None:
    half = file.with_suffix(".new")
    try:
        half.write_text(text, encoding="utf-8")
        half.replace(file)
    except OSError as error:
        log.warning("What was alerted cannot be remembered (%s): a message may come twice.", error)
