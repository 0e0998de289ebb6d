"""Opt-outs and changes of consent, handed on to whoever sends: a file of JSON lines, and a webhook of ours where one is named."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import hashlib
import hmac
import logging
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import orjson

from .configuration import HandOn
from .metrics import Metrics
from .segment import FullError

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
LOOK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0


class Outbox:
    """The file `opt-outs.jsonl`, and how far the receiver has had it (`opt-outs.sent`, a number of bytes)."""

    def __init__(self, folder: Path, hand_on: HandOn, metrics: Metrics) -> None:
        self._file = folder / "opt-outs.jsonl"
        self._sent = folder / "opt-outs.sent"
        self._hand_on = hand_on
        self._metrics = metrics

    def append(self, line: bytes) -> None:
        """Have a line on the disk. Blocks. Raises FullError, and then nothing of it is kept."""
        try:
            file = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise FullError(error.errno, f"{self._file} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            try:
                # After a crash the last line may be cut.
                start = b"" if not size or os.pread(file, 1, size - 1) == b"\n" else b"\n"
                if os.write(file, start + line) != len(start) + len(line):
                    raise OSError(28, "the disk is full")
                os.fsync(file)
            except OSError as error:
                os.ftruncate(file, size)
                raise FullError(error.errno, f"{self._file} cannot be written: {error.strerror}") from error
        finally:
            os.close(file)

    async def run(self) -> None:
        """Send what is new, one after the other, each until the receiver takes it; one worker of all does. Until cancelled."""
        if not self._hand_on.url:
            return
        pause = LOOK_SECONDS
        while True:
            try:
                is_done = await asyncio.get_running_loop().run_in_executor(None, self._send_some)
                pause = LOOK_SECONDS if is_done else min(pause * 2, LONGEST_PAUSE_SECONDS)
            except OSError as error:
                log.error("Opt-outs cannot be handed on (%s): they stand in %s.", error, self._file)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    def _send_some(self) -> bool:
        """Send up to 100 lines; False where the receiver did not take one."""
        if not self._file.exists():
            return True
        with self._sent.open("a+", encoding="ascii") as note:
            try:
                fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            note.seek(0)
            told = note.read().strip()
            position = int(told) if told.isdecimal() else 0
            with self._file.open("rb") as stream:
                # The file was begun anew by whoever reads it.
                position = position if position <= os.fstat(stream.fileno()).st_size else 0
                stream.seek(position)
                for line in (line for _, line in zip(range(100), stream, strict=False)):
                    if not line.endswith(b"\n"):
                        break
                    if line.strip() and not self._send(line.strip()):
                        return False
                    position += len(line)
                    note.truncate(0)
                    note.write(str(position))
                    note.flush()
        return True

    def _send(self, line: bytes) -> bool:
        """POST one event, signed as the Standard Webhooks are; whether the receiver took it."""
        try:
            identity = str(orjson.loads(line)["event_id"])
        except (ValueError, KeyError, TypeError):
            return True  # cut by a crash, and never acknowledged
        timestamp = str(int(time.time()))
        signed = f"{identity}.{timestamp}.".encode() + line
        signature = base64.b64encode(hmac.new(self._hand_on.secret.encode(), signed, hashlib.sha256).digest()).decode()
        request = urllib.request.Request(  # noqa: S310 the configuration takes http and https alone
            self._hand_on.url,
            line,
            {
                "Content-Type": "application/json",
                "webhook-id": identity,
                "webhook-timestamp": timestamp,
                **({"webhook-signature": f"v1,{signature}"} if self._hand_on.secret else {}),
            },
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
                self._metrics.count("sillage_collector_handed_on_total", outcome="taken")
                return True
        except (urllib.error.URLError, OSError, ValueError) as error:
            log.warning("%s does not take an opt-out (%s): it is sent again.", self._hand_on.url, error)
            self._metrics.count("sillage_collector_handed_on_total", outcome="failed")
            return False
