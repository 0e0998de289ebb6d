"""The eight deliveries of the demo's three days: their links, and how their provider names them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from . import message_parts

SITE = "https://www.atelier-sillage.example"

# What one must expect in a label or subject typed by somebody, or pasted from elsewhere.
HOSTILE_LABELS = (
    '<script>alert("label")</script>',
    "=1+1",
    "\"quotes\", 'apostrophes' & <b>tags</b>",
    "\u202egnp.eciov\u202c",
    "@SUM(A1:A9);|calc",
    "a" * 300,
    "-2+3+cmd|' /C calc'!A0",
    "emoji 🎉 and tab\there",
    "%s {{ 7*7 }} ${7*7}",
    "x'; drop table marts.links; --",
)


@dataclass(frozen=True, slots=True)
class Link:
    """One tracked link; `position` counts from 1 within its part, None where it stands in no message (a web page).

    `picture` is the alternative text where the link is a picture.
    """

    link_id: str
    url: str
    label: str
    category: str
    link_type: str = "click"
    position: int | None = None
    content_part: str | None = None
    is_honeypot: bool = False
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: `shape` and `naming` say in which form its events come and what names the delivery in them.

    `day` counts from the first of the three. `appeal` multiplies the share of people who read it. `has_columns`: its links stand in
    two columns, below pictures.
    """

    delivery_id: str
    label: str
    subject: str
    language: str
    source: str
    shape: str
    naming: str
    day: int
    utc_hour: int
    population: int
    links: tuple[Link, ...] = ()
    is_tracking_enabled: bool = True
    text_share: float = 0.0
    excluded_count: int = 0
    category: str = ""
    appeal: float = 1.0
    has_columns: bool = False

    @property
    def tick(self) -> int:
        """Milliseconds of one step of the provider's clock."""
        return 1000 if self.source == "sendgrid" and self.naming != "single_send" else 1

    def part(self, content_part: str) -> list[Link]:
        """The links of one part of the message, in their order."""
        return [link for link in self.links if link.content_part == content_part]

    def of_type(self, link_type: str) -> Link | None:
        """The first link of a type."""
        return next((link for link in self.links if link.link_type == link_type), None)

    def entry(self, targeted: int | None, to_deliver: int | None, text_only: int) -> dict[str, object]:
        """The catalog's entry of this delivery."""
        return {
            "entry_type": "delivery",
            "delivery_id": self.delivery_id,
            "label": self.label,
            "subject": self.subject,
            "channel": "email",
            "category": self.category,
            "is_tracking_enabled": self.is_tracking_enabled,
            "is_open_tracking_enabled": self.is_tracking_enabled,
            "text_only_count": text_only,
            "targeted_count": targeted,
            "to_deliver_count": to_deliver,
            "html": message_parts.html(self),
            "text": message_parts.text(self),
        }

    def link_entries(self) -> list[dict[str, object]]:
        """The catalog's entries of its links."""
        return [
            {
                "entry_type": "link",
                "delivery_id": self.delivery_id,
                "link_id": link.link_id,
                "url": link.url,
                "label": link.label,
                "category": link.category,
                "link_type": link.link_type,
                "position": link.position,
                "content_part": link.content_part,
                "is_honeypot": link.is_honeypot,
            }
            for link in self.links
        ]


@dataclass(frozen=True, slots=True)
class Block:
    """One place of the message that links somewhere."""

    label: str
    category: str
    path: str
    link_type: str = "click"
    is_honeypot: bool = False
    picture: str = ""


def deliveries() -> list[Delivery]:
    """The eight deliveries, links included; populations are those of scale 1."""
    return [with_links(delivery, *content) for delivery, content in _CONTENT]


def with_links(
    delivery: Delivery, blocks: Iterable[Block], has_text_links: bool = False, pages: Iterable[Block] = ()
) -> Delivery:
    """`delivery` with the links of its `blocks`, in their order, and of the site's `pages` that are tracked too."""
    links = []
    for part in ("html", "text") if has_text_links else ("html",):
        visible = [block for block in blocks if part == "html" or not block.is_honeypot]
        links += [
            Link(f"{delivery.delivery_id}-{part[0]}{position:02d}", _url(delivery, block), block.label, block.category,
                 block.link_type, position, part, block.is_honeypot, block.picture)
            for position, block in enumerate(visible, start=1)
        ]  # fmt: skip
    links += [
        Link(f"{delivery.delivery_id}-p{number:02d}", _url(delivery, page), page.label, page.category, page.link_type)
        for number, page in enumerate(pages, start=1)
    ]
    return replace(delivery, links=tuple(links))


def _url(delivery: Delivery, block: Block) -> str:
    return f"{SITE}{block.path}{'&' if '?' in block.path else '?'}utm_medium=email&utm_campaign={delivery.delivery_id}"


def blocks_of(labels: Iterable[str], category: str, folder: str) -> list[Block]:
    """A block for each label, each leading to a page of its own below `folder`."""
    return [Block(label, category, f"/{folder}/{number}") for number, label in enumerate(labels, start=1)]


MIRROR_FR = Block("Voir la version en ligne", "service", "/miroir", "mirror_page")
OPT_OUT_FR = Block("Se désabonner", "service", "/desabonnement", "opt_out")
MIRROR_EN = Block("View in your browser", "service", "/mirror", "mirror_page")
OPT_OUT_EN = Block("Unsubscribe", "service", "/unsubscribe", "opt_out")
_TRAP = Block("Nouveautés", "service", "/nouveautes-internes", is_honeypot=True)
_HERO = Block("Découvrir la collection", "collection", "/collection/hiver")
_TOPICS = (
    "une table d'hiver",
    "ranger l'entrée",
    "offrir une bougie",
    "choisir sa laine",
    "un coin lecture",
    "la lumière douce",
    "vivre avec moins",
    "le thé du dimanche",
    "réparer soi-même",
    "un bain de mousse",
    "le jardin dort",
)
# With the places around them 41 links: more than the 40 that a scanner's burst has been seen to follow.
_ARTICLES = [f"Idée n° {number} : {_TOPICS[number % len(_TOPICS)]}" for number in range(1, 34)]

_CONTENT: list[tuple[Delivery, tuple[list[Block], bool, list[Block]]]] = [
    (
        Delivery("d-newsletter-janvier", "Newsletter de janvier", "Janvier : bien commencer l'année", "fr",
                 "sendgrid", "sendgrid", "argument", 0, 8, 3900, category="newsletter"),
        # The hero and the button below it lead to one page: the same URL at two positions.
        ([MIRROR_FR, _HERO, Block("Je découvre", "collection", _HERO.path), *blocks_of(_ARTICLES, "article", "idees"),
          _TRAP, *blocks_of(("Nos boutiques", "Nous écrire", "Livraison et retours"), "service", "pied"), OPT_OUT_FR], False, []),
    ),
    (
        Delivery("ss-winter-sale", "Winter sale, last days", "Last days: up to 50% off", "en",
                 "sendgrid", "sendgrid", "single_send", 0, 10, 2400, category="offers", has_columns=True),
        ([MIRROR_EN, *blocks_of(("Shop women", "Shop men", "Shop home", "Gift cards"), "sale", "sale"),
          *blocks_of(("Find a store", "Returns"), "service", "help"), OPT_OUT_EN], False, []),
    ),
    (
        Delivery("d-soldes-hiver", "Soldes d'hiver J-1", "Soldes : ouverture demain à 8 h", "fr",
                 "ses", "firehose", "tag", 0, 15, 2900, excluded_count=40, category="offers"),
        # Equal labels on different pages.
        ([MIRROR_FR, *blocks_of(("En savoir plus",) * 4, "soldes", "soldes"),
          *blocks_of(("Je profite de l'offre", "Voir toutes les marques", "Carte de fidélité"), "offre", "offres"), OPT_OUT_FR],
         False, []),
    ),
    (
        Delivery("d-invitation-salon", "Invitation au salon", "Votre invitation pour le salon de Nantes", "fr",
                 "ses", "sns", "claim", 1, 7, 1300, category="offers"),
        ([MIRROR_FR, *blocks_of(("Je m'inscris", "Le programme", "Plan d'accès", "Nos intervenants"), "salon", "salon"),
          OPT_OUT_FR], False, []),
    ),
    (
        Delivery("cmp-product-update", "Product update, winter edition", "What's new this winter", "en",
                 "ses", "eventbridge", "campaign", 1, 9, 1500, text_share=0.4, category="newsletter"),
        ([MIRROR_EN, *blocks_of(("Read the notes", "See the roadmap", "Book a demo"), "product", "product"),
          Block("Read the notes again", "product", "/product/1"), Block("Manage preferences", "service", "/preferences"),
          OPT_OUT_EN], True, []),
    ),
    (
        Delivery("d-panier-abandonne", "Relance panier abandonné", "Votre panier vous attend", "fr",
                 "canonical", "canonical", "argument", 1, 11, 1900, category="service"),
        ([MIRROR_FR, *blocks_of(("Reprendre mon panier", "Livraison offerte", "Nous appeler"), "panier", "panier"), OPT_OUT_FR],
         False, [Block("Fiche produit", "site", "/produit", "web"),
                 Block("Merci de votre commande", "site", "/merci", "transaction")]),
    ),
    (
        Delivery("d-order-confirmation", "Order confirmation", "Your order is confirmed", "en",
                 "canonical", "canonical", "argument", 0, 12, 900, is_tracking_enabled=False, category="service"),
        (blocks_of(("Track my parcel", "Help"), "order", "order"), False, []),
    ),
    (
        Delivery("d-fidelite", "Fidélité <b>\"Or\"</b> & Cie", "=HYPERLINK(\"x\") & <i>merci</i> \u202etest\u202c", "fr",
                 "sendgrid", "sendgrid", "category", 1, 14, 1600, category="offers"),
        ([MIRROR_FR, *blocks_of(HOSTILE_LABELS, "=2+2", "fidelite"), OPT_OUT_FR], False, []),
    ),
]  # fmt: skip
