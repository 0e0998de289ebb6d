"""The weeks before the demo's three days: sixteen deliveries of the tool that was used before, moved in with its export.

Their events arrive in the first hour, as `sillage import` lays a history: what happened keeps its time. The export tells who got a
message and what they did with it, and no step in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from .acts import DAY, HARD, HOUR, MINUTE, SOFT, Act, Message, Planner
from .messages import MIRROR_FR, OPT_OUT_FR, Block, Delivery, blocks_of, with_links
from .people import Person

# Of the first hour, in which the export is read.
OPENING = 10 * MINUTE
SERVICE = blocks_of(("Nos boutiques", "Livraison et retours"), "service", "pied")
PAGES = (
    Block("Fiche produit", "site", "/produit", "web"),
    Block("Merci de votre commande", "site", "/merci", "transaction"),
)
THEMES = (
    ("Le retour du soleil", ("Pots en terre", "Graines anciennes", "Arrosoir en zinc", "Table de balcon")),
    ("La maison en bleu", ("Assiettes peintes", "Lin lavé", "Carafe soufflée", "Tapis tressé")),
    ("Cuisiner dehors", ("Planche d'olivier", "Panier repas", "Lampe solaire", "Nappe cirée")),
    ("Ranger sans jeter", ("Boîtes en rotin", "Patères", "Étagère pliante", "Paniers")),
    ("Le goût des autres", ("Thé fumé", "Miel de bruyère", "Sel de Guérande", "Confitures")),
    ("Un bureau à soi", ("Carnet relié", "Lampe d'architecte", "Tapis de souris", "Vide-poche")),
    ("Avant l'hiver", ("Plaid en laine", "Bougie de cire", "Théière", "Chaussons")),
    ("Les artisans du mois", ("Atelier Ker", "Verrerie du port", "Tissages Morin", "Cirerie Duval")),
)
# Number of the issue (and its variant), day of sending counted from the first of the three, readers against the demo's own share.
NEWSLETTERS = (
    ("40", -53, 0.72), ("41", -46, 0.78), ("42", -39, 0.85), ("43-a", -32, 0.8), ("43-b", -32, 1.2), ("44", -25, 1.0),
    ("45", -18, 1.08), ("46", -11, 1.16), ("47", -4, 1.25),
)  # fmt: skip
OFFERS = ((1, -50, 1.3), (2, -36, 1.15), (3, -22, 1.0), (4, -15, 0.9), (5, -8, 0.8))
CARTS = ((1, -43, 1.1), (2, -29, 1.15))
# The two subjects of the A/B pair.
SUBJECTS = {"a": "Ranger sans jeter : nos conseils", "b": "Et si vous gardiez tout ?"}
NEWSLETTER_SIZE, VARIANT_SIZE, OFFER_SIZE, CART_SIZE, LEAST_SIZE = 400, 330, 300, 220, 20


class Archive(Planner):
    """Plans what an export tells: a message was delivered, or it bounced."""

    def _sending(self, message: Message, at: int) -> Iterator[Act]:
        luck, handed = self.rng.random(), at + self.rng.randint(1, 20) * 1000
        if luck < 0.018:
            yield self.act(message, "hard_bounce", handed, detail=self.rng.choice(HARD))
        elif luck < 0.03:
            yield self.act(message, "soft_bounce", handed, detail=self.rng.choice(SOFT))
        else:
            yield self.act(message, "delivered", handed)


def deliveries() -> list[Delivery]:
    """The sixteen deliveries in the order of their sending, links included; an A/B pair is two of them, side by side."""
    found = [_newsletter(*told) for told in NEWSLETTERS]
    found += [_offer(*told) for told in OFFERS]
    found += [_cart(*told) for told in CARTS]
    return sorted(found, key=lambda delivery: delivery.day)


def told(
    rng: Random, everyone: list[Person], number: int, start: int, until: int, scale: float
) -> Iterator[tuple[Delivery, list[Act]]]:
    """Each delivery and what happened to its messages, to be told from `start` (ms since 1970) on.

    Acts are numbered from `number` on. What happens after `start` is told when it happens, as the demo's own acts are.
    """
    planner = Archive(rng, until)
    planner.number = number
    written: list[Person] = []
    for delivery in deliveries():
        sent_at = start + delivery.day * DAY + (delivery.utc_hour - start // HOUR) % 24 * HOUR
        # Whom the first variant went to gets no second one.
        pool = [person for person in everyone[1:] if not delivery.delivery_id.endswith("-b") or person not in written]
        written = rng.sample(pool, min(len(pool), max(LEAST_SIZE, int(delivery.population * scale))))
        acts = []
        for person in written:
            message = Message(delivery, person, f"h-{rng.getrandbits(48):012x}")
            acts += planner.message(message, sent_at + rng.randrange(30 * MINUTE))
        for act in acts:
            act.arrivals = [max(act.arrivals[0], start + OPENING)]
        yield delivery, acts


def _newsletter(issue: str, day: int, appeal: float) -> Delivery:
    number, _, variant = issue.partition("-")
    theme, offers = THEMES[int(number) - 40]
    blocks = [MIRROR_FR]
    for place, offer in enumerate(offers, start=1):
        # The picture and the button below it lead to one page.
        path = f"/idees/{number}/{place}"
        blocks += [Block(f"{offer} (image)", "article", path, picture=offer), Block(f"Voir : {offer}", "article", path)]
    label = f"Newsletter n° {number} : {theme}" + (f" (version {variant.upper()})" if variant else "")
    size = VARIANT_SIZE if variant else NEWSLETTER_SIZE
    return with_links(
        _delivery(f"d-newsletter-{issue}", label, SUBJECTS.get(variant, theme), day, 8, size, "newsletter", appeal),
        [*blocks, *SERVICE, OPT_OUT_FR],
        pages=PAGES,
    )


def _offer(number: int, day: int, appeal: float) -> Delivery:
    labels = ("J'en profite", "Les nouveautés", "Les dernières pièces", "Offrir une carte")
    return with_links(
        _delivery(
            f"d-offre-{number}", f"Offre privée n° {number}", f"{10 + 5 * number} % jusqu'à dimanche", day, 10, OFFER_SIZE,
            "offers", appeal,
        ),
        [MIRROR_FR, *blocks_of(labels, "offre", f"offre/{number}"), *SERVICE, OPT_OUT_FR],
        pages=PAGES,
    )  # fmt: skip


def _cart(number: int, day: int, appeal: float) -> Delivery:
    return with_links(
        _delivery(
            f"d-panier-{number}", f"Relance panier, vague {number}", "Votre panier vous attend", day, 11, CART_SIZE,
            "service", appeal,
        ),
        [MIRROR_FR, *blocks_of(("Reprendre mon panier", "Livraison offerte"), "panier", "panier"), *SERVICE, OPT_OUT_FR],
        pages=PAGES,
    )  # fmt: skip


def _delivery(
    delivery_id: str, label: str, subject: str, day: int, hour: int, size: int, category: str, appeal: float
) -> Delivery:
    return Delivery(
        delivery_id, label, subject, "fr", "canonical", "canonical", "argument", day, hour, size,
        category=category, appeal=appeal, has_columns=category != "service",
    )  # fmt: skip
