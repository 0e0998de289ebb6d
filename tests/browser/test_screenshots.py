"""The pictures of the README and of docs/tabs.md, made by `make screenshots`; skipped unless SILLAGE_SCREENSHOTS names a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tabs_pages import frame_of, open_tab

pytestmark = pytest.mark.slow

FOLDER = os.environ.get("SILLAGE_SCREENSHOTS", "")
# Name, page, theme. In Airflow's own frame, so that the picture is what a person sees.
PICTURES = [
    ("deliveries", "/deliveries", "light"),
    ("statistics-dark", "/delivery?id=d-panier-abandonne", "dark"),
    ("urls", "/delivery/urls?id=d-newsletter-janvier", "light"),
    ("positions", "/delivery/positions?id=d-newsletter-janvier", "light"),
    ("logs", "/delivery/logs?id=d-soldes-hiver&events=all", "dark"),
    ("why", "/delivery/why?id=d-order-confirmation", "light"),
    ("recipient", "/recipient?id={recipient}", "light"),
    ("workflow", "/workflow", "light"),
]


@pytest.mark.skipif(not FOLDER, reason="`make screenshots` makes the pictures")
@pytest.mark.parametrize(("name", "path", "theme"), PICTURES, ids=[picture[0] for picture in PICTURES])
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
    page.wait_for_timeout(1500)
    folder = Path(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"tabs-{name}.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000
    if pngquant := shutil.which("pngquant"):
        subprocess.run([pngquant, "--force", "--ext", ".png", "--quality", "60-90", str(picture)], check=True)
