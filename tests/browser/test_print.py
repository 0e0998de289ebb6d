"""The tabs on paper: the bare page in a tab of its own, light whatever the screen is, charts and the message whole."""

from __future__ import annotations

import re
from typing import Any

import pytest

from support.tabs_pages import PAGES, open_tab

pytestmark = pytest.mark.slow

DELIVERY = "d-newsletter-janvier"
# The width of A4 between the margins of the style, at 96 dots an inch.
SHEET = 702
# Cells of which nothing but a letter or two stands in a line.
LETTERS = """() => [...document.querySelectorAll("td")].filter(td => td.innerText.trim().length > 12
  && td.getBoundingClientRect().width > 0 && td.getBoundingClientRect().width < 70).map(td => td.innerText)"""
PRINTED = """() => {
  window.dispatchEvent(new Event("beforeprint"));
  const shown = element => element.getClientRects().length > 0;
  const style = element => getComputedStyle(element);
  const frame = document.querySelector(".message iframe");
  return {
    background: style(document.body).backgroundColor,
    ink: style(document.body).color,
    buttons: [...document.querySelectorAll("header.top, form.filters, main button, .tip")].filter(shown).length,
    switches: [...document.querySelectorAll(".switch")].map(one => [...one.querySelectorAll("a")].filter(shown).length),
    charts: [...document.querySelectorAll("canvas")].map(one => one.getBoundingClientRect().width),
    heat: [...document.querySelectorAll(".cell.h9")].map(one => style(one).backgroundColor)[0],
    hidden: frame ? frame.contentDocument.documentElement.scrollHeight - frame.clientHeight : 0,
    address: document.querySelector(".on-paper").innerText,
    width: document.documentElement.scrollWidth,
  };
}"""


def has_printed(page: Any) -> bool:
    """Whether the page asked for paper within some seconds; the page's policy lets no text be evaluated in it."""
    for _ in range(100):
        if page.evaluate("() => window.hasPrinted === true"):
            return True
        page.wait_for_timeout(100)
    return False


def test_print_opens_the_bare_page_and_prints_it(login: Any, airflow: Any) -> None:
    page = login()
    page.context.add_init_script("window.print = () => { window.hasPrinted = true; }")
    frame = open_tab(page, airflow.url, f"/delivery?id={DELIVERY}&events=all")
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Print").click()
    bare = opened.value
    assert has_printed(bare)
    assert re.search(rf"/tracking/delivery\?id={DELIVERY}&events=all$", bare.url)
    assert bare.locator("canvas").count() == 2
    # There the link prints at once.
    bare.evaluate("window.hasPrinted = false")
    bare.get_by_role("link", name="Print").click()
    assert has_printed(bare)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_on_paper_is_light_whole_and_without_what_only_a_screen_can_do(
    login: Any, airflow: Any, recipient: str, path: str
) -> None:
    # French words are longer.
    page = login(color_scheme="dark", locale="fr-FR", viewport={"width": SHEET, "height": 1000})
    page.goto(f"{airflow.url}/tracking{path.format(id=DELIVERY, recipient=recipient)}", wait_until="load")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.emulate_media(media="print", color_scheme="dark")
    found = page.evaluate(PRINTED)
    assert found["background"] == "rgb(255, 255, 255)"
    assert "0.23" in found["ink"] or found["ink"].startswith("rgb(")
    assert found["buttons"] == 0
    assert all(shown <= 1 for shown in found["switches"]), found["switches"]
    assert all(SHEET * 0.8 < width <= SHEET for width in found["charts"]), found["charts"]
    assert found["heat"] is None or found["heat"].startswith("rgba(59, 111, 182")
    assert found["hidden"] <= 0
    assert path.partition("?")[0] in found["address"]
    assert found["width"] <= SHEET, "a browser would write the whole page smaller, and nothing stands beside its frame"
    # The screen gets its own back.
    page.emulate_media(media="screen", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("[document.documentElement.dataset.theme, document.documentElement.className]") == ["dark", ""]


def test_the_message_goes_to_paper_with_every_badge(login: Any, airflow: Any) -> None:
    page = login()
    page.goto(f"{airflow.url}/tracking/delivery/positions?id={DELIVERY}", wait_until="load")
    badges = page.frame_locator(".message iframe").locator(".sillage-badge").count()
    assert badges > 40
    with_message = page.pdf(format="A4", print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", with_message)) >= 3


def report_of(page: Any, airflow: Any, language: str) -> None:
    """Show the report of the delivery, in `language`, by itself."""
    address = f"{airflow.url}/tracking/delivery/report?id={DELIVERY}"
    page.set_content(page.request.get(address, headers={"Accept-Language": language}).text())
    assert page.evaluate("document.documentElement.lang") == language


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_report_fits_a_sheet_and_breaks_no_word_into_letters_on_a_phone(
    login: Any, airflow: Any, language: str
) -> None:
    page = login(viewport={"width": SHEET, "height": 1000})
    report_of(page, airflow, language)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= SHEET
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(LETTERS) == []
    letter = page.locator(".letter")
    # Mails are made 600 dots wide: what does not fit is moved to, by finger or by keyboard.
    assert letter.evaluate("box => box.scrollWidth > box.clientWidth")
    letter.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("box => box.scrollLeft > 0", arg=letter.element_handle())


def test_a_first_column_without_a_name_keeps_its_place_on_paper(login: Any, airflow: Any) -> None:
    page = login(viewport={"width": SHEET, "height": 1000})
    page.goto(f"{airflow.url}/tracking/delivery/why?id={DELIVERY}")
    page.emulate_media(media="print")
    shown = "row => [...row.cells].filter(cell => cell.getClientRects().length).map(cell => Math.round(cell.getBoundingClientRect().x))"
    head, first = (page.locator(f"table {part} tr").first.evaluate(shown) for part in ("thead", "tbody"))
    assert head == first
