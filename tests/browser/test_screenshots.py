"""Pictures of the tabs, made by `make screenshots`: those of the README and docs/tabs.md, and every page in every look, to be looked at.

Skipped unless SILLAGE_SCREENSHOTS names the folder of the first, SILLAGE_LOOKS that of the second.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.tabs_pages import PAGES, open_tab
from support.tabs_runs import a_run

pytestmark = pytest.mark.slow

FOLDER, LOOKS_FOLDER = os.environ.get("SILLAGE_SCREENSHOTS", ""), os.environ.get("SILLAGE_LOOKS", "")
DELIVERY, PAIR = "d-newsletter-janvier", "id=d-soldes-hiver&id=d-fidelite"
# In Airflow's own frame, so that the picture is what a person sees; some from a place further down.
PICTURES = {
    "deliveries": "/deliveries?q=d-",
    "trend": "/trend",
    "cumulated": f"/cumulated?{PAIR}",
    "statistics": f"/delivery?id={DELIVERY}",
    "people": "/delivery/recipients?id=d-soldes-hiver&did=opened&also=not_clicked",
    "urls": f"/delivery/urls?id={DELIVERY}",
    "positions": f"/delivery/positions?id={DELIVERY}",
    "links": f"/delivery/links?id={DELIVERY}",
    "logs": "/delivery/logs?id=d-soldes-hiver&events=all",
    "why": "/delivery/why?id=d-order-confirmation",
    "throughput": f"/delivery/throughput?id={DELIVERY}",
    "recipients": "/recipients?who=very_active&clicks=3",
    "recipient": "/recipient?id={recipient}",
    "workflow": "/workflow?hour=2026-01-02T15:00:00%2B00:00",
    "quality": "/workflow/quality",
    "rejected": "/workflow/rejected?days=366",
    "journal": "/workflow/journal",
}
MOST_BYTES = 150_000

# The bare pages in full height: what the browser is told, and how wide it is.
LOOKS: dict[str, tuple[int, dict[str, str]]] = {
    "light": (1360, {"color_scheme": "light"}),
    "dark-fr": (1360, {"color_scheme": "dark", "locale": "fr-FR"}),
    "narrow": (390, {"color_scheme": "light"}),
    "narrow-fr": (390, {"color_scheme": "dark", "locale": "fr-FR"}),
    "printed": (702, {"color_scheme": "dark"}),
    "printed-fr": (702, {"color_scheme": "light", "locale": "fr-FR"}),
}
STATES = [*PAGES, "/delivery/why?id=d-order-confirmation", "/delivery?id=d-order-confirmation", "/recipients", "/delivery?id=nobody",
          "/delivery/recipients?id={id}&did=bounced&columns=reason&columns=story"]  # fmt: skip


@pytest.mark.skipif(not FOLDER, reason="`make screenshots` makes the pictures")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("name", "path"), PICTURES.items(), ids=list(PICTURES))
def test_picture(login: Any, airflow: Any, recipient: str, name: str, path: str, theme: str) -> None:
    page = login(viewport={"width": 1280, "height": 800}, color_scheme=theme)
    page.goto(airflow.url)
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    open_tab(page, airflow.url, path.format(recipient=recipient)).locator("h1").first.wait_for()
    keep(page, Path(FOLDER), f"tabs-{name}{'-dark' if theme == 'dark' else ''}")


@pytest.mark.skipif(not FOLDER, reason="`make screenshots` makes the pictures")
def test_pictures_of_a_phone_and_of_a_report(login: Any, airflow: Any, tmp_path: Path) -> None:
    page = login(viewport={"width": 390, "height": 760})
    page.goto(f"{airflow.url}/tracking/delivery?id={DELIVERY}")
    keep(page, Path(FOLDER), "tabs-phone")
    file = tmp_path / "report.html"
    file.write_text(page.request.get(f"{airflow.url}/tracking/delivery/report?id={DELIVERY}").text(), encoding="utf-8")
    page.set_viewport_size({"width": 960, "height": 1100})
    page.goto(file.as_uri())
    keep(page, Path(FOLDER), "tabs-report")


@pytest.mark.skipif(not LOOKS_FOLDER, reason="`make screenshots` makes the pictures")
@pytest.mark.parametrize("look", LOOKS)
def test_every_page_in_every_look(login: Any, airflow: Any, recipient: str, look: str) -> None:
    width, options = LOOKS[look]
    page = login(viewport={"width": width, "height": 900}, **options)
    for number, path in enumerate(STATES):
        page.goto(f"{airflow.url}/tracking{path.format(id=DELIVERY, recipient=recipient)}", wait_until="load")
        show(page, look, f"{number:02d}{path.partition('?')[0].replace('/', '-')}")
    with a_run(airflow.house.owner_url, DELIVERY) as put:
        put("running", "build")
        for path in ("/workflow", f"/delivery?id={DELIVERY}"):
            page.goto(f"{airflow.url}/tracking{path}", wait_until="load")
            show(page, look, f"live{path.partition('?')[0].replace('/', '-')}")
    (Path(LOOKS_FOLDER) / "report.html").write_text(
        page.request.get(f"{airflow.url}/tracking/delivery/report?id={DELIVERY}").text(), encoding="utf-8"
    )
    page.goto((Path(LOOKS_FOLDER) / "report.html").absolute().as_uri())
    show(page, look, "report")


def show(page: Any, look: str, name: str) -> None:
    """The page whole, as it is on a screen or as it goes to paper."""
    if look.startswith("printed"):
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    keep(page, Path(LOOKS_FOLDER), f"{name}-{look}", full_page=True)
    page.emulate_media(media="screen")


def keep(page: Any, folder: Path, name: str, *, full_page: bool = False) -> None:
    """Write the picture; what stands in the docs is small."""
    # Charts are drawn without animation; Airflow itself asks its server on and on, so there is no idle to wait for.
    page.wait_for_timeout(300 if full_page else 1000)
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"{name}.png"
    page.screenshot(path=picture, full_page=full_page)
    if full_page:
        return
    if pngquant := shutil.which("pngquant"):
        subprocess.run([pngquant, "--force", "--ext", ".png", "--quality", "60-90", str(picture)], check=True)
    assert 20_000 < picture.stat().st_size < MOST_BYTES
