"""Postmark: what every source keeps."""

from __future__ import annotations

from support.source_contract import SourceContract


class TestPostmark(SourceContract):
    source = "postmark"
