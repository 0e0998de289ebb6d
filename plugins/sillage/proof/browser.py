"""A reader with a real Chromium: opens a mail, clicks its links, presses the buttons of our pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .steps import ProofError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The second line: a closed network refuses what a browser asks for by itself, and slows every start.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# As a reader's browser names itself, in every tab: headless ones are bots to the verdict rules.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """A Chromium without a window. Raises ProofError if there is none."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise ProofError("Playwright is missing, which drives the browser: `pip install 'sillage[proof]'`.") from None
    if program is None:
        raise ProofError("There is no Chromium here: `apt-get install chromium`, or put a Chrome on the PATH.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, f"--user-agent={AGENT}", *flags])
        try:
            yield browser
        finally:
            browser.close()


class Reader:
    """Somebody who reads one mail."""

    def __init__(self, browser: Browser, mail: Path) -> None:
        """`mail`: the HTML part as a file, which is what a mail client shows."""
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(30_000)
        self._page: Page = context.new_page()
        self._tab: Page = self._page
        self._mail = mail

    def open(self) -> None:
        """Open the mail, and wait until all its pictures have come."""
        self._page.goto(self._mail.as_uri(), wait_until="networkidle")

    def click(self, text: str) -> str:
        """Follow the link with this text, in a tab of its own as mail clients do; returns where that led."""
        with self._page.context.expect_page() as opened:
            self._page.get_by_role("link", name=text, exact=True).click(modifiers=["ControlOrMeta"])
        # A tab is there once it has gone to where its link leads; that it has loaded too, a busy machine may say before anybody waits.
        self._tab = opened.value
        return self._tab.url

    def press(self, text: str, button: str) -> str:
        """Follow the link with this text to a page of ours and press its button; returns the heading of what comes then."""
        self.click(text)
        self._tab.get_by_role("button", name=button, exact=True).click()
        self._tab.wait_for_load_state("load")
        return str(self._tab.locator("h1").inner_text())

    def close(self) -> None:
        """Close the mail."""
        self._page.context.close()
