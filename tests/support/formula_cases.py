"""A delivery for each case that counting wrong would show in: its catalog entries and canonical events, all of one hour."""

from __future__ import annotations

from typing import Any

from support.canonical import event

A, B = "https://a.example/a", "https://a.example/b"
LEAVE, MIRROR = "https://a.example/leave", "https://a.example/mirror"


def delivery(name: str, **more: Any) -> dict[str, Any]:
    return {"entry_type": "delivery", "delivery_id": name, **more}


def link(name: str, link_id: str, url: str, **more: Any) -> dict[str, Any]:
    return {"entry_type": "link", "delivery_id": name, "link_id": link_id, "url": url, **more}


CATALOG = [
    delivery("nothing yet"),
    delivery("all text", text_only_count=2),
    delivery("half text", text_only_count=1),
    link("two places", "top", A, label="Top", position=1, content_part="html"),
    link("two places", "foot", A, label="Foot", position=9, content_part="html"),
    link("equal labels", "a", A, label="Shop", category="sale"),
    link("equal labels", "b", B, label="Shop", category="news"),
    link("opt-outs", "a", A),
    link("opt-outs", "leave", LEAVE, link_type="opt_out"),
    link("opt-outs", "mirror", MIRROR, link_type="mirror_page"),
    delivery("no tracking", is_open_tracking_enabled=False),
]
CASES = {
    "all text": [event("delivered", 0), event("delivered", 0, recipient_id="s"), event("click", 99, url=A)],
    "half text": [event("delivered", 0), event("delivered", 0, recipient_id="s"), event("open", 60)],
    "click alone": [event("delivered", 0), event("click", 99, url=A), event("click", 199, url=A)],
    # 60 s after the previous is a repeat still, also where that one is a repeat; 61 s is none.
    "repeats": [event("delivered", 0), *(event("open", second) for second in (100, 130, 190, 251))],
    "late bounce": [event("delivered", 0), event("bounce", 60, bounce_type="hard")],
    "healed": [event("bounce", 0, bounce_type="soft"), event("delivered", 60)],
    "relapsed": [event("delivered", 0), event("bounce", 60, bounce_type="soft")],
    "given up": [event("bounce", 0, bounce_type="soft"), event("bounce", 60, bounce_type="hard")],
    "complaint": [event("delivered", 0), event("open", 60), event("complaint", 90)],
    "two places": [
        event("click", 60, url=A, link_position=1, content_part="html"),
        event("click", 160, url=A, link_position=9, content_part="html"),
        event("click", 260, url=A, link_position=9, content_part="html"),
        event("click", 360, url=A, link_position=9, content_part="html", recipient_id="s"),
        event("click", 460, url=B),
    ],
    "equal labels": [event("click", 60, url=A), event("click", 160, url=B), event("click", 260, url=B)],
    "opt-outs": [
        event("delivered", 0),
        event("click", 60, url=A),
        event("click", 160, url=LEAVE),
        event("click", 260, url=MIRROR),
        event("opt_out", 360, recipient_id="s"),
    ],
    "no tracking": [event("delivered", 0), event("open", 60), event("click", 99, url=A)],
    "shop": [
        event("web", 60, url=A),
        event("transaction", 90, amount=12.5, articles=2),
        event("transaction", 120, amount=0.1, articles=1),
    ],
    "persons": [event("click", 60 * number, url=A, requester_id=f"cookie {number}") for number in (1, 2)],
    "scanned": [
        event("delivered", 0),
        *(event("click", 40 + number, url=f"{A}/{number}") for number in range(3)),
        event("click", 600, url=A),
        event("opt_out", 42),
    ],
}  # fmt: skip
