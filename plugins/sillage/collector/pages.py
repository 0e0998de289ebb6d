"""The few pages that a reader sees: opt-out, consent, a link that has ended. Plain HTML, no script, nothing from elsewhere. Pure.

A page never acts when it is opened, because scanners open every link of a message; its button does.
"""

from __future__ import annotations

from dataclasses import dataclass

_FRENCH = "fr"
_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem;color:#222;background:#fff}"
    "button{font:inherit;padding:.6rem 1.4rem;border:1px solid #222;border-radius:.3rem;background:#222;color:#fff}"
)
# Nothing of a page is loaded, framed or run; a form goes back to where it came from.
HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"cache-control", b"no-store, private"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex"),
    (b"x-content-type-options", b"nosniff"),
)


@dataclass(frozen=True, slots=True)
class Words:
    """A page's heading, text, and the button with the word that it sends; no button where `action` is empty."""

    title: str
    text: str
    button: str = ""
    action: str = ""


_PAGES: dict[str, dict[str, Words]] = {
    "opt_out": {
        "en": Words("Unsubscribe", "Do you no longer want these e-mails?", "Unsubscribe", "unsubscribe"),
        "fr": Words("Se désabonner", "Vous ne voulez plus recevoir ces e-mails ?", "Se désabonner", "unsubscribe"),
    },
    "opted_out": {
        "en": Words("Unsubscribed", "You will get no more of these e-mails. One that is on its way may still arrive."),
        "fr": Words("Désabonnement enregistré", "Vous ne recevrez plus ces e-mails. Un message déjà parti peut encore arriver."),
    },
    "withdraw": {
        "en": Words(
            "Tracking of this newsletter",
            "The sender sees whether you open its e-mails and follow their links. You can stop that, also for e-mails that"
            " you already have. You go on receiving them.",
            "Stop tracking",
            "withdraw",
        ),
        "fr": Words(
            "Suivi de cette lettre",
            "L'expéditeur voit si vous ouvrez ses e-mails et suivez leurs liens. Vous pouvez y mettre fin, aussi pour les"
            " e-mails déjà reçus. Vous continuerez de les recevoir.",
            "Arrêter le suivi",
            "withdraw",
        ),
    },
    "give": {
        "en": Words(
            "Tracking is off", "The sender no longer sees whether you open its e-mails or follow their links.",
            "Allow tracking again", "give",
        ),
        "fr": Words(
            "Le suivi est arrêté", "L'expéditeur ne voit plus si vous ouvrez ses e-mails ou suivez leurs liens.",
            "Autoriser à nouveau le suivi", "give",
        ),
    },
    "expired": {
        "en": Words("This link has ended", "The sender gave it an end. Its website may know more."),
        "fr": Words("Ce lien a expiré", "L'expéditeur lui avait donné une fin. Son site en sait peut-être plus."),
    },
    "unknown": {
        "en": Words("There is nothing here", "The address is not complete, or was changed on its way. Try it from the e-mail again."),
        "fr": Words("Rien ici", "L'adresse est incomplète ou a été modifiée en route. Réessayez depuis l'e-mail."),
    },
    "later": {
        "en": Words("Please try again in a minute", "Your choice could not be stored just now."),
        "fr": Words("Réessayez dans une minute", "Votre choix n'a pas pu être enregistré à l'instant."),
    },
}  # fmt: skip


def page(name: str, accept_language: str) -> bytes:
    """The page `name` in the first language of the header Accept-Language that we have, else in English."""
    language = _FRENCH if accept_language.strip().lower().startswith(_FRENCH) else "en"
    words = _PAGES[name][language]
    form = (
        f'<form method="post"><input type="hidden" name="action" value="{words.action}">'
        f'<button type="submit">{words.button}</button></form>'
        if words.action
        else ""
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<title>{words.title}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{words.title}</h1><p>{words.text}</p>{form}</body></html>"
    ).encode()
