"""Mailtrap: what every source keeps."""

from __future__ import annotations

from support.source_contract import SourceContract


class TestMailtrap(SourceContract):
    source = "mailtrap"
