"""Mailgun: what every source keeps."""

from __future__ import annotations

from support.source_contract import SourceContract


class TestMailgun(SourceContract):
    source = "mailgun"
