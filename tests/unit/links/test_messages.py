"""A message with tracked links: what each recipient gets, what the catalog is told, what the sender is warned of."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import jsonschema
import pytest

from sillage.links.catalog import URLS_OF_A_PLACE, Catalog, lines
from sillage.links.marks import Rule
from sillage.links.messages import Collector, Delivery, Instrumented, LinkError, Recipient, instrument
from sillage.links.templates import SYNTAXES, Template
from sillage.links.tokens import CLICK, CONSENT, MIRROR, OPEN, OPT_OUT, Keyring, Token, new_key

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[3] / "docs" / "schema" / "catalog_entry.json").read_text(encoding="utf-8")
)
KEYS = Keyring.parse(new_key("k"))
COLLECTOR = Collector("https://track.example.com/", KEYS)
ADA = Recipient("r1", "m1", "ada@example.com")
HTML = """<html>\r
<body><a href="https://shop.example.com/sale?a=1&amp;b=2" data-label="Sale" data-category="shop">Big <b>sale</b></a>\r
<a href='https://shop.example.com/terms' data-track=off>Terms</a>
<a href="https://shop.example.com/secret" data-track="honeypot"><img src=x alt="nothing"></a>
<a href="https://shop.example.com/thanks" data-type="transaction">Thanks</a>
<a href="mailto:shop@example.com">Write</a>
<a href="#" data-track="mirror">In your browser</a> <a href="{{unsubscribe}}" data-track="opt-out">No more</a>
<a href="https://shop.example.com/privacy" data-track="consent">Tracking</a>
</body>\r
</html>"""
TEXT = "Sale: https://shop.example.com/sale?a=1&b=2\r\nTerms: https://shop.example.com/terms\r\nhttps://shop.example.com/x\r\n"
LINK = re.compile(r"https://track\.example\.com/([a-z])/([A-Za-z0-9_-]+)")


def made(delivery: Delivery | None = None, **parts: str) -> Instrumented:
    return instrument(delivery or Delivery("winter", "Winter"), COLLECTOR, **(parts or {"html": HTML, "text": TEXT}))


def tokens(text: str) -> list[Token]:
    return [KEYS.read(kind, token) for kind, token in LINK.findall(text)]


def test_each_link_leads_where_it_led_and_says_who_has_it_and_where_it_stands() -> None:
    message = made().message(ADA)
    in_html = tokens(message.html)
    assert [(token.kind, token.position, token.destination) for token in in_html] == [
        (CLICK, 1, "https://shop.example.com/sale?a=1&b=2"),
        (CLICK, 3, "https://shop.example.com/secret"),
        (CLICK, 4, "https://shop.example.com/thanks"),
        (MIRROR, 6, ""),
        (OPT_OUT, 7, ""),
        (CONSENT, 8, ""),
        (OPEN, 0, ""),
    ]
    assert {(token.delivery, token.message, token.recipient, token.part) for token in in_html} == {
        ("winter", "m1", "r1", "html")
    }
    assert [(token.part, token.position, token.destination) for token in tokens(message.text)] == [
        ("text", 1, "https://shop.example.com/sale?a=1&b=2"),
        ("text", 3, "https://shop.example.com/x"),
    ]
    assert "Terms: https://shop.example.com/terms\r\n" in message.text


def test_all_that_is_no_link_stays_as_it_is() -> None:
    message = made().message(ADA)
    pixel = re.compile(r'<img src="https://track\.example\.com/o/[\w-]+\.gif"[^>]*></body>')
    assert pixel.search(message.html)
    bare = pixel.sub("</body>", message.html)
    assert LINK.sub("", bare) == re.sub(
        r"https://shop.example.com/(?:sale\?a=1&amp;b=2|secret|thanks|privacy)|(?<=\")#(?=\")|\{\{unsubscribe\}\}",
        "",
        HTML,
    )


def test_the_headers_let_a_mail_provider_opt_out_with_one_click() -> None:
    headers = made().message(ADA).headers
    (token,) = tokens(headers["List-Unsubscribe"])
    assert (token.kind, token.recipient, token.expires_on) == (OPT_OUT, "r1", 0)
    assert re.fullmatch(r"<https://track\.example\.com/u/[\w-]+>", headers["List-Unsubscribe"])
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_links_end_and_opt_out_and_consent_never_do() -> None:
    ends = {
        token.kind: token.expires_on for token in tokens(made(Delivery("winter", expires_on=21_000)).message(ADA).html)
    }
    assert ends == {CLICK: 21_000, OPEN: 21_000, MIRROR: 21_000, OPT_OUT: 0, CONSENT: 0}


@pytest.mark.parametrize("of", ["delivery", "recipient"])
def test_the_stricter_mode_of_delivery_and_recipient_counts(of: str) -> None:
    def written(mode: str) -> str:
        delivery = Delivery("winter", mode=mode if of == "delivery" else "individual")
        return made(delivery).message(Recipient("r1", "m1", mode=mode if of == "recipient" else "")).html

    for token in tokens(written("anonymous")):
        is_known = token.kind in (OPT_OUT, CONSENT)
        assert token.is_anonymous is not is_known
        assert (token.recipient, token.message) == (("r1", "m1") if is_known else ("", ""))
    off = written("off")
    assert {token.kind for token in tokens(off)} == {MIRROR, OPT_OUT, CONSENT}
    assert not next(token for token in tokens(off) if token.kind == MIRROR).is_recorded
    assert 'href="https://shop.example.com/sale?a=1&amp;b=2"' in off


def test_without_consent_to_opens_there_is_no_pixel() -> None:
    assert OPEN not in {token.kind for token in tokens(made().message(Recipient("r1", allows_opens=False)).html)}
    assert OPEN not in {token.kind for token in tokens(made(Delivery("w", tracks_opens=False)).message(ADA).html)}


def test_text_can_be_left_as_it_is() -> None:
    assert made(Delivery("winter", tracks_text=False)).message(ADA).text == TEXT


def test_an_amp_part_has_links_and_a_pixel_of_its_own() -> None:
    amp = '<!doctype html><html ⚡4email><body><a href="https://shop.example.com/a">a</a></body></html>'
    written = made(amp=amp).message(ADA).amp
    assert re.search(
        r'<amp-img src="https://track\.example\.com/o/[\w-]+\.gif" width="1" height="1" alt=""></amp-img></body>',
        written,
    )
    assert [(token.kind, token.part) for token in tokens(written)] == [(CLICK, "amp"), (OPEN, "amp")]


def test_two_recipients_get_the_same_message_but_for_their_tokens() -> None:
    message = made()
    first, second = (message.message(Recipient(f"r{n}", f"m{n}")) for n in (1, 2))
    assert LINK.sub("", first.html) == LINK.sub("", second.html)
    assert first != second and first == made().message(Recipient("r1", "m1"))


def test_what_cannot_be_made_is_a_sentence() -> None:
    for collector in (
        "track.example.com",
        "https://track.example.com/?x=",
        'https://t.example/"',
        "https://t.example/ x",
    ):
        with pytest.raises(LinkError, match="write a whole one"):
            Collector(collector, KEYS)
    with pytest.raises(LinkError, match="A delivery needs an id"):
        made(Delivery(" "))
    with pytest.raises(LinkError, match="A delivery needs an id"):
        made(Delivery("winter", mode="of"))
    with pytest.raises(LinkError, match="A recipient needs an id"):
        made().message(Recipient(""))


def test_the_catalog_is_told_of_every_link_by_its_schema() -> None:
    entries = [json.loads(line) for line in lines(made().entries).splitlines()]
    for entry in entries:
        jsonschema.validate(entry, SCHEMA)
    delivery, *links = entries
    assert (delivery["label"], delivery["html"], delivery["text"]) == ("Winter", HTML, TEXT)
    assert [
        (
            link["content_part"],
            link["position"],
            link.get("label"),
            link["link_type"],
            link["is_tracked"],
            link.get("url", "")[24:],
        )
        for link in links
    ] == [
        ("html", 1, "Sale", "click", True, "/sale?a=1&b=2"),
        ("html", 2, "Terms", "click", False, "/terms"),
        ("html", 3, "nothing", "click", True, "/secret"),
        ("html", 4, "Thanks", "transaction", True, "/thanks"),
        ("html", 6, "In your browser", "mirror_page", True, ""),
        ("html", 7, "No more", "opt_out", True, ""),
        ("html", 8, "Tracking", "web", True, ""),
        ("text", 1, "Sale", "click", True, "/sale?a=1&b=2"),
        ("text", 2, None, "click", False, "/terms"),
        ("text", 3, None, "click", True, "/x"),
    ]
    assert [link.get("is_honeypot") for link in links].count(True) == 1
    assert len({link["link_id"] for link in links}) == len(links)


def test_personal_urls_are_each_described_once_and_nobodys_message_is_kept() -> None:
    catalog = Catalog()
    for number in (*range(URLS_OF_A_PLACE + 2), 0):
        recipient = Recipient(str(number), f"m{number}", f"{number}@example.com", allows_opens=number != 1)
        message = made(
            html=f'Dear {number} <a href="https://shop.example.com/?u={number}">Sale</a><a href=https://x.example>x</a>'
        )
        catalog.add(message, is_personal=True)
        catalog.add_recipient(message, recipient)
    entries = [json.loads(line) for line in catalog.lines().splitlines()]
    for entry in entries[::100]:
        jsonschema.validate(entry, SCHEMA)
    of_type = {
        kind: [entry for entry in entries if entry["entry_type"] == kind]
        for kind in ("delivery", "link", "message", "recipient")
    }
    assert len(of_type["delivery"]) == 1 and "html" not in of_type["delivery"][0]
    assert len(of_type["link"]) == URLS_OF_A_PLACE + 1
    assert catalog.left_out == {"html link 1"}
    assert of_type["message"][1] == {
        "entry_type": "message",
        "message_id": "m1",
        "delivery_id": "winter",
        "recipient_id": "1",
    }
    assert of_type["recipient"][1]["has_open_tracking_consent"] is False


def test_a_recipient_of_whom_no_consent_is_known_replaces_nothing() -> None:
    catalog = Catalog()
    catalog.add_recipient(made(), Recipient("r1", email="ada@example.com"))
    assert catalog.lines() == b""


WARNINGS = [
    (
        '<a href="https://shop.example.com/">https://other.example/</a>',
        'html link 1, line 1 ("https://other.example/") shows a web address',
    ),
    (
        '<p>\n<a href="https://shop.example.com/"><img src=x></a>',
        'html link 1, line 2 ("https://shop.example.com/") has neither text',
    ),
    ("<a href=//shop.example.com/>Sale</a>", 'html link 1, line 1 ("Sale") names no scheme'),
    ('<a href="https://shop.example.com/?u={{id}}">Sale</a>', '("Sale") has a placeholder in it'),
    (
        f'<a href="https://shop.example.com/{"".join(map(str, range(900)))}">Sale</a>',
        '("Sale") is too long for a token',
    ),
    (
        '<a data-track=no href="https://shop.example.com/">Sale</a>',
        'html link 1, line 1 ("Sale"): data-track="no" means nothing',
    ),
    (
        "<a href=https://shop.example.com/>Sale</a>" * 251,
        "has 251 tracked links; Amazon SES takes 250, and html link 251",
    ),
    ("<a href=https://shop.example.com/>Sale</a>" + "é" * 51_000, "bytes with its links: Gmail cuts it after 102,000"),
    ("<a href=https://shop.example.com/>Sale</a><!-- ", "There is no pixel"),
    ("<p>Hi</p>", "The message has no text part"),
]


@pytest.mark.parametrize(("html", "sentence"), WARNINGS)
def test_a_warning_names_the_link_and_says_what_is_wrong(html: str, sentence: str) -> None:
    assert [warning for warning in made(html=html).warnings if sentence in warning]


def test_a_good_message_has_no_warning() -> None:
    assert made().warnings == ()
    plain = instrument(Delivery("w"), Collector("http://127.0.0.1:8090", KEYS), html="<p>", text="x")
    assert len(plain.warnings) == 1 and "no https" in plain.warnings[0]


def test_a_link_that_is_too_long_costs_itself_alone() -> None:
    long = "".join(chr(97 + n * n % 26) + str(n) for n in range(900))
    message = made(html=f'<a href="https://shop.example.com/{long}">a</a><a href="https://shop.example.com/b">b</a>')
    written = message.message(ADA).html
    assert f'href="https://shop.example.com/{long}"' in written and len(tokens(written)) == 2


def test_a_rule_of_a_file_is_obeyed() -> None:
    message = instrument(Delivery("w"), COLLECTOR, html=HTML, rules=[Rule("*/sale*", track="off", label="Quiet")])
    assert 'href="https://shop.example.com/sale?a=1&amp;b=2"' in message.message(ADA).html
    assert (message.entries[1]["label"], message.entries[1]["is_tracked"]) == ("Sale", False)


@pytest.mark.parametrize("syntax", [*SYNTAXES, "<<NAME>>"])
def test_a_template_that_is_merged_is_the_message(syntax: str) -> None:
    message = made()
    template, pattern = Template(message, syntax), SYNTAXES.get(syntax, syntax)
    for recipient in (ADA, Recipient("r2", "m2", mode="anonymous")):
        values = template.values(recipient)
        wanted = message.message(recipient)
        for written, whole in (
            (template.template.html, wanted.html),
            (template.template.text, wanted.text),
            (template.template.headers["List-Unsubscribe"], wanted.headers["List-Unsubscribe"]),
        ):
            merged = written
            for name, value in values.items():
                merged = merged.replace(pattern.replace("NAME", name), value)
            assert merged == whole


def test_whoever_is_not_tracked_gets_the_same_template_and_leaves_no_trace() -> None:
    values = Template(made(), "ses").values(Recipient("r1", "m1", mode="off"))
    for name, value in values.items():
        (token,) = tokens(value)
        assert token.is_recorded is (token.kind in (OPT_OUT, CONSENT)), name
    opens = Template(made(), "ses").values(Recipient("r1", allows_opens=False))
    assert [tokens(value)[0].is_recorded for name, value in opens.items() if "pixel" in name] == [False]
    assert tokens(opens["sillage_link_1"])[0].is_recorded


def test_an_unknown_syntax_is_a_sentence() -> None:
    for syntax in ("sendgird", "NAME", "{{}}"):
        with pytest.raises(LinkError, match="is no syntax of variables"):
            Template(made(), syntax)


@pytest.mark.parametrize(
    "part",
    [
        "{{" * 100_000,
        "https://x.example/" + "{{" * 100_000,
        "https://x.example/" + ")" * 100_000,
        '<a href="https://x.example/' + "{{" * 100_000 + '">x</a>',
        "<a href=https://x.example/>x</a>" * 5_000,
        "<div>" * 20_000 + "<a href=https://x.example/>x</a>",
        "<!--[if mso]><a href=https://x.example/>x</a><![endif]-->" * 2_000,
        "https://x.example/ \n" * 10_000,
    ],
    ids=["open", "open in a text", "brackets", "open in a link", "links", "deep", "conditional comments", "urls"],
)
def test_a_message_of_one_sign_again_and_again_is_read_in_seconds(part: str) -> None:
    began = time.process_time()
    message = made(html=part, text=part)
    assert message.message(ADA).headers and isinstance(message.warnings, tuple)
    assert time.process_time() - began < 10
