"""The machine that a figure was measured on, in a line."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil


def described() -> str:
    """Processor, cores, memory, system and Python; the load too, because other work makes figures worse."""
    memory = psutil.virtual_memory().total / 1024**3
    return (
        f"{_processor()}, {psutil.cpu_count()} cores, {memory:.0f} GiB, {_system()}, Python {platform.python_version()},"
        f" load {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    return _value(Path("/proc/cpuinfo"), "model name", ":") or platform.processor() or platform.machine()


def _system() -> str:
    return _value(Path("/etc/os-release"), "PRETTY_NAME", "=").strip('"') or platform.platform(terse=True)


def _value(file: Path, name: str, sign: str) -> str:
    """What `file` says of `name`, empty where it does not exist or does not say."""
    if not file.is_file():
        return ""
    pairs = (line.partition(sign) for line in file.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
