"""Charts as SVG, for paper and files, where no script runs: lines (running sums) and stacked bars, from the data that the pages draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT = 720, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 8, 22
TICKS = 5
LABELS = 6
# --series-1 ... --series-8 of static/sillage.css, as they are in light.
PALETTE = ("#3b6fb6", "#2e9e6b", "#d07a1c", "#8a5bb8", "#c2486f", "#1f9aa8", "#8a8f2b", "#7a8698")

Number = Callable[[int], str]


def chart(spec: Mapping[str, Any], label: str, number: Number) -> Markup:
    """The chart that static/charts.js draws of `spec` (type, labels, series of label, values, color), with its legend below.

    `number` writes a number in the reader's language. A text in `spec` may be hostile: it is escaped.
    """
    series = spec["series"]
    colors = [PALETTE[(one.get("color") or place) % len(PALETTE) - 1] for place, one in enumerate(series, 1)]
    is_line = spec["type"] == "line"
    sums = [sum(values) for values in zip(*(one["values"] for one in series), strict=True)]
    highest = max((max(one["values"], default=0) for one in series), default=0) if is_line else max(sums, default=0)
    step, count = _scale(highest)
    top = step * count
    marks = _lines(series, colors, top) if is_line else _bars(series, colors, top)
    return (
        Markup('<figure class="drawn"><svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, HEIGHT, label
        )
        + _grid(step, count, number)
        + marks
        + _axis(spec["labels"], is_line)
        + Markup("</svg>")
        + _legend(series, colors)
        + Markup("</figure>")
    )


def _scale(highest: float) -> tuple[int, int]:
    """The step between two lines of the grid (1, 2 or 5 times a power of ten), and how many steps hold `highest`."""
    step = 1
    while highest > step * TICKS:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step, max(1, -(-int(highest) // step))


def _x(place: float, count: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * place / max(1, count), 2)


def _y(value: float, top: int) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top, 2)


def _grid(step: int, count: int, number: Number) -> Markup:
    lines = Markup("")
    for tick in range(count + 1):
        y = _y(tick * step, step * count)
        lines += Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="#dfe3ea"/>').format(LEFT, WIDTH - RIGHT, y, y)
        lines += Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 6, y + 4, number(tick * step))
    return lines


def _axis(labels: Sequence[str], is_line: bool) -> Markup:
    """Some of the labels: the first, the last where there is room for it, and those between at one distance."""
    count = len(labels) - 1 if is_line else len(labels)
    every = max(1, -(-len(labels) // LABELS))
    texts = Markup("")
    for place in range(0, len(labels), every):
        x = _x(place if is_line else place + 0.5, count)
        anchor = "start" if place == 0 and is_line else "end" if x > WIDTH - 60 else "middle"
        texts += Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(x, HEIGHT - 6, anchor, labels[place])
    return texts


def _lines(series: Sequence[Mapping[str, Any]], colors: Sequence[str], top: int) -> Markup:
    drawn = Markup("")
    for one, color in zip(series, colors, strict=True):
        count = len(one["values"]) - 1
        points = " ".join(f"{_x(place, count)},{_y(value, top)}" for place, value in enumerate(one["values"]))
        if one.get("fill"):
            area = f"{LEFT},{_y(0, top)} {points} {_x(count, count)},{_y(0, top)}"
            drawn += Markup('<polygon points="{}" fill="{}" fill-opacity="0.15"/>').format(area, color)
        dash = Markup(' stroke-dasharray="5 4"') if one.get("dashed") else ""
        drawn += Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2"{}/>').format(
            points, color, dash
        )
    return drawn


def _bars(series: Sequence[Mapping[str, Any]], colors: Sequence[str], top: int) -> Markup:
    drawn, heights = Markup(""), [0] * len(series[0]["values"]) if series else []
    count = len(heights)
    width = round(min(26.0, 0.8 * (WIDTH - LEFT - RIGHT) / max(1, count)), 2)
    for one, color in zip(series, colors, strict=True):
        for place, value in enumerate(one["values"]):
            if value:
                y = _y(heights[place] + value, top)
                drawn += Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>').format(
                    round(_x(place + 0.5, count) - width / 2, 2), y, width, round(_y(heights[place], top) - y, 2), color
                )
                heights[place] += value
    return drawn


def _legend(series: Sequence[Mapping[str, Any]], colors: Sequence[str]) -> Markup:
    if len(series) < 2:
        return Markup("")
    names = (
        Markup(
            '<span><svg viewBox="0 0 10 10" width="10" height="10"><rect width="10" height="10" fill="{}"/></svg> {}</span>'
        ).format(color, one["label"])
        for one, color in zip(series, colors, strict=True)
    )
    return Markup('<figcaption class="legend">') + Markup(" ").join(names) + Markup("</figcaption>")
