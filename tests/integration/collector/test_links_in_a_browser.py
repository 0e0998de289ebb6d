"""Every link of the hard messages, opened in Chromium, arrives through a real collector where it led before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sillage.links.messages import Collector, Delivery, Recipient, instrument
from sillage.links.tokens import Keyring
from sillage.proof.browser import chromium
from sillage.proof.steps import ProofError
from support.collector import CollectorHouse
from support.nasty_messages import NASTY

# What stands where, as the browser sees it. `ping` and the like are not asked for.
# A formatting element that is never closed is copied for the pixel behind it.
ADDRESSES = "() => [...document.querySelectorAll('a[href], area[href]')].map(link => link.href.baseVal ?? link.href)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        # No name is looked up: where a link leads is known before anybody answers there.
        with chromium("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") as started:
            yield started
    except ProofError as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(error))


# Follows redirects as a click does; what is not found at the end is none of ours.
FOLLOW = "urls => Promise.allSettled(urls.map(url => fetch(url, {mode: 'no-cors'})))"


def addresses(page: Any, file: Path, html: str) -> list[str]:
    # As mail is: UTF-8, whatever the message says itself.
    file.write_bytes(b'<meta charset="utf-8">' + html.encode())
    page.goto(file.as_uri())
    return list(dict.fromkeys(page.evaluate(ADDRESSES)))


def test_every_rewritten_link_arrives_where_it_led_before(
    collector: CollectorHouse, browser: Any, tmp_path: Path
) -> None:
    at = Collector(collector.url, Keyring.parse((collector.home / "token.keys").read_text()))
    page = browser.new_page()
    led: dict[str, str] = {}

    def follow(request: Any) -> None:
        if request.redirected_from:
            led[request.redirected_from.url] = request.url

    page.on("request", follow)
    count = 0
    for name, html in NASTY.items():
        message = instrument(Delivery("browser"), at, html=html)
        before = addresses(page, tmp_path / "before.html", html)
        after = addresses(page, tmp_path / "after.html", message.message(Recipient("r", "m")).html)
        assert len(after) == len(before), name
        rewritten = [url for url in after if url.startswith(f"{collector.url}/r/")]
        page.evaluate(FOLLOW, rewritten)
        for old, new in zip(before, after, strict=True):
            if new not in rewritten:
                assert new == old.replace("+notrack:", ":") or old.startswith("file:"), (name, old, new)
                continue
            if new not in led:
                # A script may not follow to an address with a password in it; a reader may.
                visit = browser.new_page()
                visit.on("request", follow)
                with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
                    visit.goto(new)
                visit.close()
            # What stands behind # is not asked for. `file://host/x` is what `//host/x` means in a file, and https in a mail.
            assert led.get(new) == old.partition("#")[0].replace("file://", "https://", 1), (name, old)
            count += 1
    assert count > 120
    assert collector.metric('sillage_collector_tracked_total{kind="click",outcome="recorded"}') >= count
