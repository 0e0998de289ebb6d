"""The pictures of the README and of docs/tabs.md, made by `make screenshots`; skipped unless SILLAGE_SCREENSHOTS names a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.tabs_pages import frame_of, open_tab

pytestmark = pytest.mark.slow

FOLDER = os.environ.get("SILLAGE_SCREENSHOTS", "")
# Every page, in Airflow's own frame, so that the picture is what a person sees.
PICTURES = {
    "deliveries": "/deliveries?q=d-",
    "statistics": "/delivery?id=d-newsletter-janvier",
    "urls": "/delivery/urls?id=d-newsletter-janvier",
    "positions": "/delivery/positions?id=d-newsletter-janvier",
    "links": "/delivery/links?id=d-newsletter-janvier",
    "logs": "/delivery/logs?id=d-soldes-hiver&events=all",
    "why": "/delivery/why?id=d-order-confirmation",
    "cumulated": "/cumulated?id=d-soldes-hiver&id=d-fidelite",
    "recipients": "/recipients?who=very_active&clicks=3",
    "recipient": "/recipient?id={recipient}",
    "workflow": "/workflow?hour=2026-01-02T15:00:00%2B00:00",
    "quality": "/workflow/quality",
    "rejected": "/workflow/rejected?days=366",
    "journal": "/workflow/journal",
}
MOST_BYTES = 200_000


@pytest.mark.skipif(not FOLDER, reason="`make screenshots` makes the pictures")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("name", "path"), PICTURES.items(), ids=list(PICTURES))
def test_picture(login: Any, airflow: Any, name: str, path: str, theme: str) -> None:
    (row,) = airflow.house.rows(
        "select recipient_id from marts.recipient_tracking where verdict = 'human' and delivery_id like 'd-%%'"
        " group by 1 order by count(distinct delivery_id) desc, count(*) desc, 1 limit 1"
    )
    page = login(viewport={"width": 1280, "height": 800}, color_scheme=theme)
    page.goto(airflow.url)
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    open_tab(page, airflow.url, path.format(recipient=row.recipient_id))
    frame_of(page).locator("h1").first.wait_for()
    # Charts are drawn without animation; Airflow itself asks its server on and on, so there is no idle to wait for.
    page.wait_for_timeout(1000)
    folder = Path(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"tabs-{name}{'-dark' if theme == 'dark' else ''}.png"
    page.screenshot(path=picture)
    if pngquant := shutil.which("pngquant"):
        subprocess.run([pngquant, "--force", "--ext", ".png", "--quality", "60-90", str(picture)], check=True)
    assert 20_000 < picture.stat().st_size < MOST_BYTES
