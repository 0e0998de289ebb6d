"""The tabs without a database: language, escaping, the message's three walls, CSV, the page's state."""

from __future__ import annotations

import ast
import base64
import csv
import io
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from fastapi import Request

from sillage.reading import rejection
from sillage.tabs import csv_export, figures, guard, language, message, rendering, retelling, state, zones
from sillage.tabs.queries import activity
from sillage.tabs.queries.reader import Reader
from support.hostile import MESSAGES

TABS = Path(rendering.__file__).parent
TEMPLATES = sorted((TABS / "templates").glob("*.html"))


def request(
    query: str = "", headers: dict[str, str] | None = None, root_path: str = "/flow/tracking", path: str = "/deliveries"
) -> Request:
    given = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request(
        {"type": "http", "method": "GET", "path": root_path + path, "root_path": root_path, "query_string": query.encode(),
         "headers": given, "server": ("airflow.example", 443), "scheme": "https"}
    )  # fmt: skip


def sentences() -> set[str]:
    """Every English sentence and key that a template says literally."""
    found: set[str] = set()
    for template in TEMPLATES:
        text = template.read_text(encoding="utf-8")
        found |= {one or two for one, two in re.findall(r"\bt\((?:\"([^\"]+)\"|'([^']+)')(?! ~)", text)}
        found |= {name for both in re.findall(r"\bcounted\([^,]+, \"([^\"]+)\", \"([^\"]+)\"\)", text) for name in both}
        # Lists of names and labels that a loop says.
        for inside in re.findall(r"{% for \w+(?:, \w+)+ in \((\(.*\)),?\) %}", text):
            found |= {row[-1] for row in ast.literal_eval(f"[{inside}]") if isinstance(row[-1], str)}
    return {sentence for sentence in found if not sentence.endswith(".") or " " in sentence}


def test_every_sentence_of_a_page_has_its_french() -> None:
    assert len(sentences()) > 150
    missing = sorted(sentence for sentence in sentences() if sentence not in language.words("fr"))
    assert not missing


def test_every_figure_and_error_has_its_french() -> None:
    labels = {row[1] for row in (*figures.RATES, *figures.COUNTS, *figures.FUNNEL)}
    source = (TABS / "app.py").read_text(encoding="utf-8")
    labels |= set(re.findall(r'message="([^"]+)"', source))
    assert not sorted(label for label in labels if label not in language.words("fr"))


def test_both_languages_have_the_same_names() -> None:
    english, french = language.words("en"), language.words("fr")
    names = {name for name in french if re.match(r"^[a-z]+\.\w+$", name) and not name.startswith("definition.")}
    assert {name for name in english if not name.startswith("definition.")} == names


def test_every_reason_to_reject_a_record_is_told_in_words() -> None:
    reasons = {value for name, value in vars(rejection).items() if name.isupper()}
    assert len(reasons) > 15
    assert {f"rejection.{reason}" for reason in reasons} <= set(language.words("en"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/b?utm_source=x&id=7&UTM_medium=y#c", "https://a.example/b?id=7#c"),
        ("https://a.example/b?utm_source=x", "https://a.example/b"),
        ("https://a.example/?q=utm_x", "https://a.example/?q=utm_x"),
        (None, ""),
    ],
)
def test_an_address_is_shown_without_what_only_names_the_campaign(url: str | None, expected: str) -> None:
    assert rendering.without_campaign(url) == expected


def test_a_translation_keeps_the_places_of_its_values() -> None:
    for words in (language.words("fr"),):
        for english, text in words.items():
            original = language.words("en").get(english, english)
            if english.startswith("definition."):
                continue
            assert set(re.findall(r"{(\w+)}", original)) == set(re.findall(r"{(\w+)}", text)), english


def test_no_line_of_french_begins_with_a_sign() -> None:
    texts = [*language.words("fr").values(), *(form.translation for form in retelling.forms("fr"))]
    assert not [text for text in texts if re.search(r" [:;!?»]|« ", text)]
    assert language.words("fr")["Subject:"] == "Objet\u00a0:"
    assert language.words("fr")["Why is there no data?"].endswith("\u202f?")
    assert (language.Speech("en").names()["colon"], language.Speech("fr").names()["colon"]) == (":", "\u00a0:")


@pytest.mark.parametrize(
    ("lang", "count", "said"),
    [
        ("en", 0, "0 events"), ("en", 1, "1 event"), ("en", 1200, "1,200 events"),
        ("fr", 0, "0 événement"), ("fr", 1, "1 événement"), ("fr", 2, "2 événements"),
    ],
)  # fmt: skip
def test_one_thing_is_not_said_in_the_plural(lang: str, count: int, said: str) -> None:
    assert language.Speech(lang).counted(count, "{n} event", "{n} events") == said


def test_every_figure_shown_has_a_definition_from_dbt() -> None:
    speech = language.Speech("en")
    names = {row[0] for row in figures.RATES} | {row[3] for row in figures.RATES} | {row[0] for row in figures.COUNTS}
    assert not sorted(name for name in names if not speech.definition(name))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("en-GB", "en"),
        ("de, fr;q=0.4, en;q=0.3", "fr"),
        ("", "en"),
        (";;q=x", "en"),
        (None, "en"),
    ],
)
def test_the_language_follows_the_browser(header: str | None, expected: str) -> None:
    assert language.preferred(header) == expected


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert language.Speech("en").number(11592837) == "11,592,837"
    assert language.Speech("fr").number(11592837) == "11\u202f592\u202f837"
    assert language.Speech("en").percent(0.1449) == "14.49%"
    assert language.Speech("fr").percent(None) == "–"


def test_times_are_written_in_the_zone_and_the_form_of_the_language() -> None:
    at = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)
    paris, hour = ZoneInfo("Europe/Paris"), timedelta(hours=1)
    english, french = language.Speech("en"), language.Speech("fr", paris)
    assert (english.moment(at, seconds=True), english.day(at), english.clock(at)) == (
        "2026-07-01 22:30:05",
        "2026-07-01",
        "22:30",
    )
    assert (french.moment(at), french.day(at), french.clock(at)) == ("02/07/2026 00:30", "02/07/2026", "00:30")
    assert (french.moment_label(at, hour), french.moment_label(at, 24 * hour)) == ("02/07 00:30", "02/07/2026")
    assert french.say("When ({zone})") == "Quand (Europe/Paris)"
    assert english.say("When ({zone})") == "When (UTC)"


@pytest.mark.parametrize(
    ("query", "cookie", "expected"),
    [
        ("", "", "UTC"),
        ("", "Europe/Paris", "Europe/Paris"),
        ("tz=Asia/Kolkata", "Europe/Paris", "Asia/Kolkata"),
        ("tz=../../etc/passwd", "Europe/Paris", "Europe/Paris"),
        ("tz=Nowhere", "%00", "UTC"),
    ],
)
def test_the_zone_is_that_of_the_address_then_that_of_the_browser(query: str, cookie: str, expected: str) -> None:
    asked = request(query, {"cookie": f"sillage_zone={cookie}"})
    assert zones.of(asked).key == expected


def test_a_day_is_one_of_the_readers_zone_also_where_it_has_23_or_25_hours() -> None:
    for day, offset, hours in (("2026-03-29", 1, 23), ("2026-10-25", 2, 25), ("2026-07-01", 2, 24)):
        asked = request(f"tz=Europe/Paris&from={day}&until={day}")
        begin, end = state.moment(asked, "from"), state.moment(asked, "until", end_of_day=True)
        assert begin and end
        assert begin == datetime.fromisoformat(f"{day}T00:00+0{offset}:00")
        assert end - begin == timedelta(hours=hours)
    # A time says by itself when it is.
    assert state.moment(request("tz=Europe/Paris&from=2026-01-01T10:00Z"), "from") == datetime(
        2026, 1, 1, 10, tzinfo=UTC
    )


def test_the_steps_of_one_deliverys_days_begin_at_midnight_and_those_of_several_at_the_sending() -> None:
    start, day = datetime(2026, 3, 28, 22, tzinfo=UTC), timedelta(days=1)
    one = activity.Span({"d": start}, timedelta(hours=60), day, ZoneInfo("Europe/Paris"))
    # 23:00 in Paris, then a night in which an hour is skipped.
    assert [begin / timedelta(hours=1) for begin in one.begins] == [0, 1, 24, 48]
    both = activity.Span({"d": start, "e": start + day}, timedelta(hours=60), day, ZoneInfo("Europe/Paris"))
    assert [begin / timedelta(hours=1) for begin in both.begins] == [0, 24, 48]


HOSTILE = [
    "=1+1", "+1", "-2+3+cmd|' /C calc'!A0", "@SUM(A1:A9)", "\t=1", "\r=1", " =1", "\ufeff=1", "＝1+1", '=HYPERLINK("http://x")',
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_that_a_spreadsheet_would_run_becomes_text(text: str) -> None:
    assert csv_export.safe(text) == f"'{text}"


def test_an_export_reads_back_as_it_was() -> None:
    rows = [["a,b", 'say "x"', "two\nlines", None, True, 5, datetime(2026, 1, 1, tzinfo=UTC)]] * 1200
    text = "".join(csv_export.lines(["a", "b", "c", "d", "e", "f", "g"], rows))
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(read) == 1201
    assert read[1] == ["a,b", 'say "x"', "two\nlines", "", "true", "5", "2026-01-01T00:00:00+00:00"]


@pytest.mark.parametrize(
    ("query", "spoken", "expected"),
    [("", "fr", ";"), ("", "en", ","), ("csv=comma", "fr", ","), ("csv=semicolon", "en", ";"), ("csv=x", "de", ",")],
)
def test_a_file_is_one_that_the_readers_spreadsheet_opens_in_columns(query: str, spoken: str, expected: str) -> None:
    assert csv_export.delimiter_for(request(query, {"accept-language": spoken}).scope) == expected
    text = "".join(csv_export.lines(["a", "b"], [["x,y", Decimal("1.5")], ["2.5", 3]], delimiter=expected))
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=expected))
    # Numbers have the language's decimal sign; texts stay as they are.
    assert read == [["a", "b"], ["x,y", "1,5" if expected == ";" else "1.5"], ["2.5", "3"]]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(45, "45 s"), (2700, "45 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 05 min"), (273_600, "3 d 4 h")],
)
def test_a_duration_has_no_more_parts_than_it_needs(seconds: int, said: str) -> None:
    assert language.Speech("en").duration(seconds) == said


def test_cards_do_not_say_the_same_twice_and_nothing_of_what_is_not_there() -> None:
    def counted(**values: Any) -> SimpleNamespace:
        found = dict.fromkeys((name for name, _, _ in figures.COUNTS), 0)
        found |= dict.fromkeys(figures.SENDING, 100) | {
            "recipient_open_count": 40,
            "estimated_recipient_open_count": 40,
        }
        return SimpleNamespace(**(found | values))

    plain, with_text = counted(), counted(estimated_recipient_open_count=50)
    names = [{figure.name for figure in figures.rates(row, None, False)} for row in (plain, with_text)]
    assert names[1] - names[0] == {"click_to_open_rate"}
    shown = {figure.name for figure in figures.counts(plain, False)}
    assert not shown & {"estimated_recipient_open_count", "transaction_count", "transaction_amount", "web_page_count"}
    assert "transaction_count" not in [name for name, *_ in figures.funnel(plain, False)]
    shop = counted(transaction_count=4, transaction_amount=Decimal("90.00"), web_page_count=9)
    values = {figure.name: figure.value for figure in figures.counts(shop, False)}
    assert (values["average_basket"], values["amount_per_message"]) == (Decimal("22.5"), Decimal("0.9"))
    assert figures.funnel(shop, False)[-1][0] == "transaction_count"


def test_a_download_is_named_without_what_a_header_could_be_split_with() -> None:
    answer = csv_export.download(Reader(""), 'x"\r\nSet-Cookie: a=b/../..', ["a"], lambda cursor: iter([]))
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+\.csv"', answer.headers["content-disposition"])


class Inventory(HTMLParser):
    """What a document holds that loads, runs or leads somewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in message.TAGS | {"html", "head", "meta", "title", "style", "body", "pre", "b"}:
            self.bad.append(tag)
        for name, value in attrs:
            loads = name in {
                "href",
                "src",
                "srcset",
                "background",
                "action",
                "data",
                "poster",
                "xlink:href",
                "id",
                "name",
                "http-equiv",
            }
            styled = name == "style" and re.search(r"url|\\|position|@|expression", value or "", re.IGNORECASE)
            if name.startswith("on") or loads or styled:
                self.bad.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("source", MESSAGES)
def test_a_hostile_message_holds_nothing_that_loads_runs_or_leads_away(source: str) -> None:
    document, _ = message.html_frame(source, [message.Place(1, "https://a.example", "a", "1 · 5%", 2)], '<x>"')
    found = Inventory()
    found.feed(document.split("<body>", 1)[1])
    assert not found.bad
    assert "<script" not in document.lower()


def test_a_message_cannot_forge_a_badge() -> None:
    document, _ = message.html_frame('<b class="sillage-badge heat5">99 %</b>', [], "t")
    assert 'class="sillage-badge' not in document.split("<body>", 1)[1]


def test_marks_that_turn_text_are_gone_however_they_are_written() -> None:
    source = "\u202egnp <a href='https://a.example'>&#8238;&#x202E;&rlm;x</a>"
    document, _ = message.html_frame(source, [message.Place(1, "https://a.example", "\u202e", "\u202e1", 1)], "\u202e")
    assert not set(document) & set(map(chr, rendering.TURNS))


def test_a_message_of_five_megabytes_is_cut_and_shown() -> None:
    document, _ = message.html_frame("<p>" + "x" * 5_000_000, [], "t")
    assert 1_000_000 < len(document) < 3_000_000


def test_the_same_address_at_two_places_gets_two_badges() -> None:
    places = [
        message.Place(1, "https://a.example/?x=1&y=2", "top", "1 · 60.00%", 5),
        message.Place(2, "https://a.example/?x=1&y=2", "foot", "2 · 40.00%", 4),
    ]
    source = '<a href="https://a.example/?x=1&amp;y=2">top</a> <a href="https://a.example/?x=1&amp;y=2">foot</a>'
    document, found = message.html_frame(source, places, "t")
    assert found == {1, 2}
    assert document.index("1 · 60.00%") < document.index("2 · 40.00%")


def test_a_link_that_moved_is_found_by_its_address_and_a_personalised_one_is_not_drawn() -> None:
    places = [
        message.Place(1, "https://a.example", "a", "1", 1),
        message.Place(2, "https://b.example/%%id%%", "b", "2", 1),
    ]
    _, found = message.html_frame('<a href="https://other.example">o</a><a href="https://a.example">a</a>', places, "t")
    assert found == {1}


def test_the_text_part_gets_its_badges_in_order() -> None:
    places = [
        message.Place(1, "https://a.example", "a", "1 · x", 1),
        message.Place(2, "https://a.example", "a", "2 · y", 1),
    ]
    document, found = message.text_frame("<b> https://a.example and https://a.example", places, "t")
    assert found == {1, 2}
    assert "&lt;b&gt;" in document


def test_the_frame_of_a_message_may_load_nothing_and_run_nothing() -> None:
    assert "default-src 'none'" in message.POLICY
    assert message.POLICY.startswith("sandbox allow-same-origin; default-src 'none';")
    assert "script-src" not in message.POLICY
    assert "img-src" not in message.POLICY


def test_every_value_on_a_page_is_escaped_and_marks_that_turn_text_are_gone() -> None:
    answer = rendering.page(request(), "trouble.html", 404, message='<script>alert(1)</script>\u202egnp.exe "')
    text = bytes(answer.body).decode()
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_no_template_switches_escaping_off_or_holds_a_script_or_style_of_its_own() -> None:
    for template in TEMPLATES:
        text = template.read_text(encoding="utf-8")
        assert "| safe" not in text and "|safe" not in text and "autoescape" not in text, template
        # A report and its mail are no pages: they bring their style along, and no script at all.
        own = (
            r"<script"
            if template.name in ("report.html", "report_mail.html")
            else r"<script(?![^>]*src=)|\sstyle=|<style"
        )
        assert not re.search(rf"{own}|\son[a-z]+=", text), template


def test_links_hold_the_path_that_the_app_is_mounted_at() -> None:
    text = bytes(rendering.page(request(root_path="/any/base/tracking"), "trouble.html", message="x").body).decode()
    addresses = re.findall(r'(?:href|src)="([^"#][^"]*)"', text)
    assert addresses
    assert all(address.startswith(("/any/base/tracking/", "data:")) for address in addresses)


def test_the_foot_leads_to_documentation_and_dashboards_where_the_operator_says_where_they_are() -> None:
    def links(**told: str) -> dict[str, str]:
        asked = request(headers={"accept-language": "fr"})
        asked.scope["app"] = SimpleNamespace(state=SimpleNamespace(**told))
        text = bytes(rendering.page(asked, "trouble.html", message="x").body).decode()
        found = re.findall(r'<a data-outside [^>]*rel="noopener noreferrer" href="([^"]*)">([^<]*)</a>', text)
        return {name: address for address, name in found}

    assert links() == links(docs_url="", dashboards_url="") == {}
    assert links(docs_url="https://docs.example/?a=1&b") == {"Documentation": "https://docs.example/?a=1&amp;b"}
    assert links(dashboards_url="http://bi.example:8088") == {
        language.words("fr")["Dashboards"]: "http://bi.example:8088"
    }


def test_a_link_changes_only_what_it_names() -> None:
    asked = request("q=a%26b&id=1&id=2&page=3")
    assert rendering.changed(asked, "/flow/tracking", {"page": None, "sort": "sent"}) == (
        "/flow/tracking/deliveries?q=a%26b&id=1&id=2&sort=sent"
    )


SPOILT = [
    "", "%%%", "e30", "WzEsMl0x", "bm90anNvbg", "x" * 9000, "é", state.packed(), state.packed("a"), state.packed(1, "a"),
    state.packed("a", 2**63), state.packed("a", True), state.packed("a", 1.0), state.packed("a", None), state.packed("\0", 1),
    state.packed("\ud800", 1), state.packed(["a"], 1), state.packed("a", 1, 1), base64.urlsafe_b64encode(b"[" * 99_999).decode(),
    base64.urlsafe_b64encode(b'["a", 1e999]').decode(), base64.urlsafe_b64encode(b'["a", ' + b"9" * 5000 + b"]").decode(),
]  # fmt: skip


@pytest.mark.parametrize("after", SPOILT)
def test_a_spoilt_place_in_a_list_is_the_beginning(after: str) -> None:
    assert state.place(request(urlencode({"after": after})), str, int) is None


@pytest.mark.parametrize("spoilt", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "x", "", "-" * 36])
def test_a_place_whose_time_or_id_cannot_be_read_is_the_beginning(spoilt: str) -> None:
    after = state.packed(spoilt, 7)
    assert state.place(request(f"after={after}"), datetime, int) is None
    assert state.place(request(f"after={state.packed('2026-01-01T00:00:00Z', spoilt)}"), datetime, int) is None


def test_a_place_in_a_list_comes_back_as_it_was() -> None:
    at, key = datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC), -(2**63)
    after = state.packed(at, "é", 2**63 - 1, key)
    assert state.place(request(f"after={after}"), datetime, str, int, int) == [at, "é", 2**63 - 1, key]


@pytest.mark.parametrize(
    "value",
    ["", "x", "99999-01-01", "2026-13-01", "9999-12-31", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"],
)
def test_a_date_that_cannot_be_is_not_given(value: str) -> None:
    assert state.moment(request(f"from={value}"), "from", end_of_day=True) is None


def test_a_time_from_until_comes_back_as_it_was_and_half_of_one_is_none() -> None:
    begin = datetime(2026, 1, 5, 13, 30, tzinfo=ZoneInfo("Asia/Kolkata"))
    text = state.interval_text(begin, begin + timedelta(hours=1))
    assert text == "2026-01-05T08:00:00Z/2026-01-05T09:00:00Z"
    assert state.interval(request(urlencode({"within": text})), "within") == (begin, begin + timedelta(hours=1))
    for spoilt in (
        "",
        "/",
        "2026-01-05T08:00:00Z",
        "2026-01-05T08:00:00Z/",
        "x/2026-01-05T08:00:00Z",
        "9999-01-01/9999-01-02",
    ):
        assert state.interval(request(urlencode({"within": spoilt})), "within") is None


@pytest.mark.parametrize(
    ("value", "expected"), [("0", 1), ("-5", 1), ("7", 7), ("1e9", 1), ("99999999999999999999", 100), ("", 1)]
)
def test_a_number_stays_in_its_bounds(value: str, expected: int) -> None:
    assert state.whole(request(f"page={value}"), "page", 1, 1, 100) == expected


def test_an_address_is_masked_unless_the_caller_may_see_it() -> None:
    assert guard.masked("marie@example.org", guard.Rights(True, False)) == "m•••@example.org"
    assert guard.masked("marie@example.org", guard.Rights(True, True)) == "marie@example.org"
    assert guard.masked(None, guard.Rights(True, False)) == ""


def row(**counts: Any) -> SimpleNamespace:
    names = dict.fromkeys((*deliveries_counts(), *(f"human_{name}" for name in deliveries_counts())), 0)
    return SimpleNamespace(**{**names, **counts})


def deliveries_counts() -> tuple[str, ...]:
    from sillage.tabs.queries.deliveries import COUNTS

    return COUNTS


def test_the_published_example_of_rates_comes_out() -> None:
    published = row(
        to_deliver_count=11592837, delivered_count=10186024, recipient_open_count=1475660, opt_out_count=45085,
        recipient_click_count=83012, estimated_recipient_open_count=1475660,
    )  # fmt: skip
    speech = language.Speech("en")
    shown = {figure.name: speech.percent(figure.rate) for figure in figures.rates(published, None, is_people=False)}
    assert shown["open_rate"] == "14.49%"
    assert shown["opt_out_rate"] == "0.44%"
    # The reference prints 0.81 %, cut off; 83012 / 10186024 is 0.81496 %.
    assert shown["click_rate"] == "0.81%"
    assert shown["reactivity_rate"] == "5.63%"


def test_a_rate_over_nothing_is_no_rate() -> None:
    assert figures.rates(row(recipient_open_count=4), None, is_people=False)[0].rate is None


def test_people_only_leaves_sending_as_it_is() -> None:
    given = row(delivered_count=10, recipient_open_count=8, human_recipient_open_count=4)
    assert figures.rates(given, None, is_people=True)[0].rate == figures.Decimal("0.4")


def test_the_vendored_libraries_are_what_their_list_says() -> None:
    import hashlib

    folder = rendering.STATIC / "vendor"
    listed = re.findall(r"^([0-9a-f]{64})  (\S+)$", (folder / "VERSIONS").read_text(), re.MULTILINE)
    assert {name for _, name in listed} == {"htmx.min.js", "chart.umd.min.js"}
    for digest, name in listed:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_airflow_loads_the_plugin_without_loading_the_app() -> None:
    code = (
        "import sys, airflow.plugins_manager; before = set(sys.modules); import tracking_tabs;"
        "heavy = ('fastapi', 'jinja2', 'nh3', 'airflow.api', 'sillage.tabs.app');"
        "print([name for name in set(sys.modules) - before if name.startswith(heavy)])"
    )
    plugins = str(TABS.parents[1])
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "PYTHONPATH": plugins, "AIRFLOW_HOME": home}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
