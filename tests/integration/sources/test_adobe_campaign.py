"""Adobe Campaign: what every source keeps."""

from __future__ import annotations

from support.source_contract import SourceContract


class TestAdobeCampaign(SourceContract):
    source = "adobe_campaign"
