"""Postal: what every source keeps."""

from __future__ import annotations

from support.source_contract import SourceContract


class TestPostal(SourceContract):
    source = "postal"
