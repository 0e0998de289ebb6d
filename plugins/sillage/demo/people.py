"""The people of the demo: invented names at a realistic mix of mailbox providers, and what they read their mail with."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FIRST_NAMES = (
    "camille", "louise", "jules", "emma", "hugo", "chloé", "lucas", "inès", "arthur", "manon", "nathan", "sarah", "louis",
    "olivia", "jack", "amelia", "harry", "grace", "george", "freya", "noah", "maya", "oscar", "isla", "théo", "zoé",
)  # fmt: skip
LAST_NAMES = (
    "martin", "bernard", "dubois", "thomas", "robert", "petit", "durand", "leroy", "moreau", "simon", "laurent", "lefebvre",
    "smith", "jones", "taylor", "brown", "williams", "wilson", "johnson", "davies", "patel", "wright", "walker", "hughes",
)  # fmt: skip
PLAIN = str.maketrans("éèëïî", "eeeii")

# Shares of mailbox providers as a French retailer sees them; companies stand for the long tail.
DOMAINS = {
    "gmail.com": 34, "hotmail.fr": 9, "outlook.com": 6, "yahoo.fr": 7, "yahoo.com": 3, "icloud.com": 5, "me.com": 1,
    "orange.fr": 9, "wanadoo.fr": 3, "free.fr": 6, "sfr.fr": 3, "laposte.net": 3, "gmx.com": 1,
    "mairie-sainte-luce.example": 3, "helvetia-assurances.example": 3, "northwind-logistics.example": 2, "lycee-curie.example": 2,
}  # fmt: skip

GMAIL_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
YAHOO_PROXY = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
APPLE_PRIVACY = "Mozilla/5.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.2 Mobile/15E148 Safari/604.1"
)
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
    " Edg/120.0.2210.91",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0",
)
PHONES = (
    IPHONE,
    "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.144"
    " Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148"
    " Safari/604.1",
)
MAIL_CLIENTS = (
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; .NET4.0C; .NET4.0E; Microsoft Outlook 16.0.17029;"
    " ms-office; MSOffice 16)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Thunderbird/115.6.0",
    "Outlook-iOS/723.4027091.prod.iphone (4.2350.0)",
    "Mozilla/5.0 (Linux; Android 13; SM-A546B Build/TP1A.220624.014; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0"
    " Chrome/120.0.6099.144 Mobile Safari/537.36",
)
SCANNER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/83.0.4103.116 Safari/537.36"


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient of the demo, and how their mail is read: `reader` is gmail, yahoo, apple or client."""

    recipient_id: str
    email: str
    reader: str
    open_agent: str
    click_agent: str
    ip: str
    cookie: str
    interest: float
    is_scanned: bool
    has_consent: bool
    is_in_catalog: bool

    def entry(self) -> dict[str, object]:
        """The catalog's entry of this person."""
        return {
            "entry_type": "recipient",
            "recipient_id": self.recipient_id,
            "email": self.email,
            "has_open_tracking_consent": self.has_consent,
        }


def population(rng: Random, size: int) -> list[Person]:
    """`size` people, the first of them without consent to open tracking, about one in 150 unknown to the catalog."""
    domains = rng.choices(list(DOMAINS), weights=list(DOMAINS.values()), k=size)
    return [_person(rng, number, domain) for number, domain in enumerate(domains, start=1)]


def _person(rng: Random, number: int, domain: str) -> Person:
    name = f"{rng.choice(FIRST_NAMES)}.{rng.choice(LAST_NAMES)}".translate(PLAIN)
    reader = _reader(rng, domain)
    browsers = PHONES if reader != "apple" and rng.random() < 0.55 else BROWSERS
    return Person(
        recipient_id=f"r{number:06d}",
        # Nobody's address: the name is invented and the tail says what it is for.
        email=f"{name}.sillage-demo{number}@{domain}",
        reader=reader,
        open_agent={"gmail": GMAIL_PROXY, "yahoo": YAHOO_PROXY}.get(reader)
        or rng.choice(MAIL_CLIENTS + PHONES + BROWSERS),
        click_agent=IPHONE if reader == "apple" else rng.choice(browsers),
        # RFC 2544's and RFC 5737's ranges: documentation addresses, nobody's network.
        ip=f"198.{rng.choice((18, 19))}.{rng.randrange(256)}.{rng.randrange(1, 255)}",
        cookie="" if rng.random() < 0.04 else f"{rng.getrandbits(64):016x}",
        # Few are keen and many indifferent: the share of opens then lies where newsletters have it, about a fifth.
        interest=rng.betavariate(0.55, 1.25),
        is_scanned=domain.endswith(".example") and rng.random() < 0.35,
        has_consent=number != 1,
        is_in_catalog=number == 1 or rng.random() > 1 / 150,
    )


def _reader(rng: Random, domain: str) -> str:
    if domain == "gmail.com":
        return "gmail"
    if domain.startswith("yahoo"):
        return "yahoo"
    # Apple Mail reads other providers' mailboxes too.
    return "apple" if domain in ("icloud.com", "me.com") or rng.random() < 0.12 else "client"
