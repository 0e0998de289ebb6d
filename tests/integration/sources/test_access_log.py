"""Access logs: what every source keeps."""

from __future__ import annotations

from support.source_contract import SourceContract


class TestAccessLog(SourceContract):
    source = "access_log"
