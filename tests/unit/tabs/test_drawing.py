"""Charts as SVG: what stands in them is what was counted, in the colours of the pages, and hostile words stay words."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from sillage.tabs import drawing, rendering
from sillage.tabs.language import Speech
from support.hostile import TEXTS

NUMBER = Speech("en").number
SVG = "{http://www.w3.org/2000/svg}"


def spec(kind: str, *values: list[int], label: str = "Opens") -> dict[str, Any]:
    series = [{"label": f"{label} {place}", "values": one, "color": place} for place, one in enumerate(values, 1)]
    return {"type": kind, "labels": [f"{hour} h" for hour in range(len(values[0]))], "series": series}


def tree(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


@pytest.mark.parametrize(
    ("highest", "step", "count"), [(0, 1, 1), (1, 1, 1), (5, 1, 5), (6, 2, 3), (11, 5, 3), (50, 10, 5), (1234, 500, 3)]
)
def test_the_grid_has_round_steps_and_holds_the_highest_value(highest: int, step: int, count: int) -> None:
    drawn = tree(drawing.chart(spec("line", [0, highest]), "x", NUMBER))
    texts = [element.text for element in drawn.iter("text") if element.get("text-anchor") == "end"]
    assert [text for text in texts if text and " h" not in text] == [f"{step * n:,}" for n in range(count + 1)]


def test_a_line_ends_where_its_value_is() -> None:
    drawn = tree(drawing.chart(spec("line", [0, 5, 10]), "x", NUMBER))
    (line,) = drawn.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in (line.get("points") or "").split()]
    bottom, top = drawing.HEIGHT - drawing.BOTTOM, drawing.TOP
    assert points[0] == (drawing.LEFT, bottom)
    assert points[-1] == (drawing.WIDTH - drawing.RIGHT, top)
    assert points[1][1] == (bottom + top) / 2


def test_bars_stand_on_one_another_and_add_up() -> None:
    drawn = tree(drawing.chart(spec("stacked", [4, 0, 2], [6, 1, 0]), "x", NUMBER))
    bars = [bar for bar in drawn.iter("rect") if bar.get("height") != "10"]
    assert len(bars) == 4
    scale = (drawing.HEIGHT - drawing.TOP - drawing.BOTTOM) / 10
    assert [round(float(bar.get("height") or 0) / scale) for bar in bars] == [4, 2, 6, 1]
    first = [bar for bar in bars if bar.get("x") == bars[0].get("x")]
    assert float(first[1].get("y") or 0) + float(first[1].get("height") or 0) == pytest.approx(
        float(first[0].get("y") or 0)
    )


@pytest.mark.parametrize("text", TEXTS)
def test_a_hostile_name_is_a_word_of_the_picture(text: str) -> None:
    drawn = drawing.chart(spec("stacked", [1], [2], label=text), text, NUMBER)
    assert "<script" not in drawn
    named = tree(str(drawn).replace("\0", ""))
    assert {element.tag for element in named.iter()} == {
        "figure", "svg", "line", "text", "rect", "figcaption", "span"
    }  # fmt: skip


def test_the_colours_are_those_of_the_pages() -> None:
    css = (rendering.STATIC / "sillage.css").read_text(encoding="utf-8")
    light = re.findall(r"--series-(\d): (#\w{6})", css.partition('[data-theme="dark"]')[0])
    assert dict(light) == {str(number): color for number, color in enumerate(drawing.PALETTE, 1)}


def test_many_steps_bring_few_labels() -> None:
    drawn = tree(drawing.chart(spec("stacked", [1] * 400), "x", NUMBER))
    assert len([one for one in drawn.iter("text") if " h" in (one.text or "")]) <= 6
