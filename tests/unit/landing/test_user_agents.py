"""Who stands behind a user agent: people, proxies, prefetches, crawlers, libraries; and on what device."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import yaml
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from sillage.landing import user_agents
from sillage.landing.user_agents import Agent, classify

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)

PEOPLE = [
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "desktop", "Windows", "Chrome"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/126.0.0.0", "desktop", "Windows", "Edge"),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
        "desktop",
        "Windows",
        "Firefox",
    ),
    ("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", "desktop", "Windows", "IE"),
    (
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Tablet PC 2.0; .NET CLR 2.0.50727)",
        "desktop",
        "Windows",
        "IE",
    ),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.5 Safari/605.1.15",
        "desktop",
        "Mac OS X",
        "Safari",
    ),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME} Safari/537.36", "desktop", "Mac OS X", "Chrome"),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "desktop", "Ubuntu", "Firefox"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "desktop", "Chrome OS", "Chrome"),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1",
        "mobile",
        "iOS",
        "Mobile Safari",
    ),
    (
        f"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {WEBKIT} Version/16.6 Mobile/15E148 Safari/604.1",
        "tablet",
        "iOS",
        "Mobile Safari",
    ),
    (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Mobile Safari/537.36", "mobile", "Android", "Chrome Mobile"),
    (f"Mozilla/5.0 (Linux; Android 13; SM-X200) {CHROME} Safari/537.36", "tablet", "Android", "Chrome"),
    ("Mozilla/5.0 (Android 13; Tablet; rv:127.0) Gecko/127.0 Firefox/127.0", "tablet", "Android", "Firefox Mobile"),
    ("Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", "mobile", "Android", "Firefox Mobile"),
    (
        "Mozilla/5.0 (Linux; U; Android 4.2.2; de-de; CUBOT S108 Build/CUBOT) AppleWebKit/534.30 (KHTML, like Gecko)"
        " Version/4.0 Mobile Safari/534.30",
        "mobile",
        "Android",
        "Android",
    ),
    # Telephones that are called like crawlers.
    (
        f"Mozilla/5.0 (Linux; U; Android 4.4.2; HTC Butterfly Build/KOT49H) {CHROME} Mobile Safari/537.36",
        "mobile",
        None,
        None,
    ),
    (
        f"Mozilla/5.0 (Linux; Android 5.1; FEVER Build/LMY47D) {CHROME} Mobile Safari/537.36",
        "mobile",
        "Android",
        "Chrome Mobile",
    ),
    ("Dalvik/2.1.0 (Linux; U; Android 13; SM-G991B Build/TP1A.220624.014)", "mobile", "Android", "Android"),
    (
        "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063",
        "mobile",
        "Windows Phone",
        "Edge Mobile",
    ),
    (
        "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10",
        "mobile",
        None,
        "Opera Mini",
    ),
    (
        "Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9.2372 Mobile Safari/537.10+",
        "mobile",
        None,
        None,
    ),
    (
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/4.0",
        "tv",
        "Tizen",
        None,
    ),
    (
        "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0 Safari/537.36",
        "tv",
        None,
        None,
    ),
    (f"Mozilla/5.0 (Linux; Android 9; AFTMM Build/PS7233; wv) {CHROME} Mobile Safari/537.36", "tv", "Android", None),
    ("Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko)", "console", None, None),
    (
        "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/609.4 (KHTML, like Gecko) NF/6.0",
        "console",
        None,
        None,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 Edge/44.18363",
        "console",
        "Windows",
        None,
    ),
    ("Mozilla/5.0 (X11; U; Linux armv7l like Android; en-us) AppleWebKit/531.2+ Kindle/3.0+", "ereader", None, None),
    (f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {CHROME} Safari/537.36", "tablet", "Android", None),
    (f"Mozilla/5.0 (Linux; xx; OpenTV Build/5.1) {WEBKIT} Version/4.0 Mobile Safari/533.1", "tv", None, None),
    (f"Mozilla/5.0 (Windows NT 10.0; Valve Steam GameOverlay/15; ) {CHROME} Safari/537.36", "desktop", "Windows", None),
    ("Mozilla/3.0 (DreamPassport/3.0)", "console", None, None),
    (f"Mozilla/5.0 (Iriver ; EB10 ) {WEBKIT} Version/5.0 Safari/534.16", "ereader", None, None),
    ("Opera/9.02 (Linux armv7l; U; ARCHOS; GOGI; A5; en)", "media_player", None, None),
    ("Mozilla/3.0(WILLCOM;KYOCERA/WX1/2;1.0/0.1) Opera 7.0", "mobile", None, None),
    ("SomeApp/samsung-4.0.4-GT-I9300-1280x720-320-4.1.2", "mobile", None, None),
    (f"Mozilla/5.0 (X11; Linux x86_64; Quest 3) {CHROME} VR Safari/537.36 OculusBrowser/32.1", "headset", None, None),
    (
        f"Mozilla/5.0 (iPod touch; CPU iPhone OS 12_5 like Mac OS X) {WEBKIT} Version/12.1 Mobile/15E148 Safari/604.1",
        "media_player",
        "iOS",
        None,
    ),
    # PowerPC is no Pocket PC.
    ("Mozilla/5.0 (Macintosh; U; PPC; fr-FR; rv:1.0.2) Gecko/20030208 Netscape/7.02", "desktop", None, None),
    ("Opera/9.5 (PPC; Windows CE; 240x320)", "mobile", None, None),
    # Puffin tells behind its version what it runs on.
    (f"Mozilla/5.0 (X11; U; Linux x86_64; fr-FR) {CHROME} Safari/537.36 Puffin/9.0.0.50AP", "mobile", None, None),
    (f"Mozilla/5.0 (X11; U; Linux x86_64; fr-FR) {CHROME} Safari/537.36 Puffin/9.0.0.50IT", "tablet", None, None),
    ("[FBAN/FB4A;FBAV/10.0.0.28.27;FBLC/fr_FR;FBDV/Nexus 5;FBSV/4.4.3;FBCA/armeabi-v7a;]", "mobile", None, None),
    # The in-app browser of Facebook, which crawler-user-agents lists.
    (
        "Mozilla/5.0 (Linux; Android 16; Pixel 10 Build/CP1A.260305.018; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Version/4.0 Chrome/146.0.7680.174 Mobile Safari/537.36 MetaIAB Facebook",
        "mobile",
        "Android",
        None,
    ),
]

MAIL_CLIENTS = [
    ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)", "desktop", "Outlook"),
    ("Mozilla/4.0 (compatible; ms-office; MSOffice 16)", "desktop", "Outlook"),
    ("Mozilla/4.0 (compatible; ms-office; MSOffice rmj)", "desktop", "Outlook"),
    (
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; WOW64; Trident/7.0; Microsoft Outlook 14.0.7162;"
        " ms-office; MSOffice 14)",
        "desktop",
        "Outlook",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 MacOutlook/16.85.24051214",
        "desktop",
        "Outlook for Mac",
    ),
    ("Outlook-iOS/709.2189947.prod.iphone (3.24.0)", "mobile", "Outlook for iOS"),
    ("Outlook-Android/2.0", "mobile", "Outlook for Android"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT}", "desktop", "Apple Mail"),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} Mobile/15E148", "mobile", "Apple Mail"),
    (f"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {WEBKIT} Mobile/15E148", "tablet", "Apple Mail"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.11.0", "desktop", "Thunderbird"),
    ("Mozilla/4.0 (compatible; Lotus-Notes/6.0; Windows-NT)", "desktop", "Lotus Notes"),
    ("YahooMobileMail/1.0 (Android Mail; 1.3.10) (supersonic;HTC;PC36100;2.3.5/GRJ90)", "mobile", "Yahoo Mail"),
    ("Outlook-Express/7.0 (MSIE 7.0; Windows NT 6.1; Trident/7.0)", "desktop", "Windows Live Mail"),
]

MACHINES = [
    ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "mail_proxy"),
    (
        "Mozilla/5.0 (compatible; YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html)",
        "mail_proxy",
    ),
    ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "mail_proxy"),
    (f"hey.com/imageproxy Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36", "mail_proxy"),
    (GMAIL_PREFETCH, "prefetch"),
    ("Mozilla/5.0", "prefetch"),
    ("", "empty"),
    (" \t", "empty"),
    ("-", "empty"),
    ("ReaderOfAll/2.0 (https://reader.example/; 12 subscribers)", "crawler"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36 Google Page Speed Insights", "crawler"),
    ("python-requests/2.31.0", "library"),
    ("curl/8.6.0", "library"),
    ("Wget/1.21.4", "library"),
    ("Go-http-client/2.0", "library"),
    ("okhttp/4.12.0", "library"),
    ("Java/17.0.10", "library"),
    ("Apache-HttpClient/4.5.14 (Java/11.0.22)", "library"),
    ("axios/1.6.8", "library"),
    ("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "library"),
    ("libwww-perl/6.72", "library"),
    ("Microsoft Office Existence Discovery", "library"),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler"),
    (
        f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {CHROME} Mobile Safari/537.36"
        " (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "crawler",
    ),
    ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "crawler"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 BingPreview/1.0b", "crawler"),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "crawler"),
    ("WhatsApp/2.23.20.0 A", "crawler"),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0 Safari/537.36",
        "crawler",
    ),
]


@pytest.mark.parametrize(("user_agent", "device_type", "os_family", "browser_family"), PEOPLE)
def test_people_are_told_with_device_system_and_browser(
    user_agent: str, device_type: str, os_family: str | None, browser_family: str | None
) -> None:
    agent = classify(user_agent)
    assert (agent.agent_kind, agent.device_type) == ("person", device_type)
    assert os_family in (None, agent.os_family)
    assert browser_family in (None, agent.browser_family)


@pytest.mark.parametrize(("user_agent", "device_type", "browser_family"), MAIL_CLIENTS)
def test_mail_clients_are_people_and_named(user_agent: str, device_type: str, browser_family: str) -> None:
    agent = classify(user_agent)
    assert (agent.agent_kind, agent.device_type, agent.browser_family) == ("person", device_type, browser_family)


@pytest.mark.parametrize(("user_agent", "agent_kind"), MACHINES)
def test_machines_are_told_by_kind_and_claim_no_device(user_agent: str, agent_kind: str) -> None:
    agent = classify(user_agent)
    assert (agent.agent_kind, agent.device_type, agent.os_family) == (agent_kind, "unknown", "unknown")


def test_a_proxy_is_named_as_the_browser() -> None:
    assert classify("x GoogleImageProxy y") == Agent("unknown", "unknown", "Gmail image proxy", "mail_proxy")
    assert classify("YahooMailProxy").browser_family == "Yahoo Mail proxy"


def test_a_proxy_at_the_end_of_a_long_agent_is_still_a_proxy() -> None:
    assert classify("x" * 8000 + " GoogleImageProxy").agent_kind == "mail_proxy"


def test_prefetch_rules_hold_to_the_letter() -> None:
    assert classify("Mozilla/5.0 ").agent_kind != "prefetch"
    assert classify("Mozilla/5.0\0").agent_kind != "prefetch"
    assert classify(GMAIL_PREFETCH + " ").agent_kind != "prefetch"
    assert classify(GMAIL_PREFETCH.removesuffix(" Mozilla/5.0")).agent_kind == "person"


def test_an_app_that_appends_the_name_of_its_library_is_a_person() -> None:
    assert classify("MyBank/7.1 (Android 14; SM-G991B) okhttp/4.12.0").agent_kind == "person"


def test_the_crawlers_own_examples_are_found_except_those_left_out_on_purpose() -> None:
    rules = yaml.safe_load(user_agents.RULES.read_text(encoding="utf-8"))
    unused = {rule["pattern"] for rule in rules["unused_crawler_patterns"]}
    examples = [
        (entry["pattern"], example)
        for entry in CRAWLER_USER_AGENTS_DATA
        if entry["pattern"] not in unused
        for example in entry["instances"]
    ]
    missed = [pair for pair in examples if classify(pair[1]).agent_kind == "person"]
    assert len(missed) <= 0.005 * len(examples), missed


def test_every_crawler_pattern_that_we_leave_out_is_in_the_list_and_has_a_reason() -> None:
    rules = yaml.safe_load(user_agents.RULES.read_text(encoding="utf-8"))
    listed = {entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA}
    for rule in rules["unused_crawler_patterns"]:
        assert rule["pattern"] in listed and rule["reason"]


@pytest.mark.parametrize(
    "user_agent",
    [
        "a\0b",
        "\ud800",
        "Mozilla/5.0 \udfff (iPhone",
        "\x1b[31m\x07",
        "é漢字🙂" * 500,
        "(" * 8192,
        "Android" * 1200,
        "Mozilla/5.0 (Linux; " + "Android;" * 1000,
        "%s%n{}$1\\",
        "bot" * 2700,
    ],
)
def test_hostile_agents_neither_raise_nor_stall(user_agent: str) -> None:
    classify("warm")
    started = time.perf_counter()
    agent = classify(user_agent)
    assert time.perf_counter() - started < 0.5
    assert all((agent.agent_kind, agent.device_type, agent.os_family, agent.browser_family))
    for field in (agent.os_family, agent.browser_family):
        field.encode()
        assert "\0" not in field


def test_the_version_names_every_list_and_follows_the_rules_file(tmp_path, monkeypatch) -> None:
    before = user_agents.lists_version()
    for part in ("ua-parser-builtins 2", "crawler-user-agents 1.", "sillage "):
        assert part in before
    edited = tmp_path / "rules.yml"
    edited.write_text(user_agents.RULES.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    monkeypatch.setattr(user_agents, "RULES", edited)
    user_agents._installed.cache_clear()
    try:
        assert user_agents.lists_version() != before
    finally:
        user_agents._installed.cache_clear()


def test_the_lists_are_loaded_on_first_use_and_not_at_import() -> None:
    code = (
        "import sys, sillage.landing.user_agents; "
        "print([m for m in ('ua_parser', 'ua_parser_rs', 'crawleruseragents', 'yaml') if m in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"


def test_the_key_is_the_md5_of_the_text_as_postgres_makes_it() -> None:
    assert str(user_agents.key("")) == "d41d8cd9-8f00-b204-e980-0998ecf8427e"
