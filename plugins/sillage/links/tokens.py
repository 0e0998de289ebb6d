"""The token in a tracked link, a pixel, an opt-out: encrypted and authenticated, with all that it stands for inside. Pure.

A token is `base64url(AES-256-SIV(fields, associated data = kind))` and the letter of its key. Nothing has to be looked up to
read one, and nobody without a key can make one: a redirect leads only where a token of ours says. The same fields give the same
token, so that a message made twice is the same message.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlsplit
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

CLICK, OPEN, OPT_OUT, MIRROR, CONSENT = "r", "o", "u", "m", "p"
KINDS = (CLICK, OPEN, OPT_OUT, MIRROR, CONSENT)
# They must work for as long as somebody keeps the message.
NEVER_EXPIRE = frozenset((OPT_OUT, CONSENT))
# Outlook follows links of up to 2 083 characters; the host stands before the token.
LENGTH_LIMIT = 1_900
DESTINATION_LIMIT = 8_192
ID_LIMIT = 1_000
KEY_BYTES = 64

_TEXT = re.compile(r"[A-Za-z0-9_-]+")
_KEY_LINE = re.compile(r"([A-Za-z]):([0-9a-fA-F]{128})")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX = re.compile(r"(?:[0-9a-f]{2}){4,}")
_UNFIT = re.compile(r"[\x00-\x20\x7f-\xa0]")
_PARTS = ("", "html", "text", "amp")
_ANONYMOUS, _UNRECORDED, _PART_SHIFT = 1, 2, 2
_AS_TEXT, _AS_NUMBER, _AS_UUID, _AS_HEX = range(4)
_LONG = 63
# What a base64url text may end in, by its length modulo 4, where the bits that no byte takes are 0.
_LAST = {0: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 2: "AQgw", 3: "AEIMQUYcgkosw048"}
_PLAIN, _DEFLATED = 0, 1
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# What links of newsletters are made of, the commonest last, where deflate reaches it most cheaply. Never changed: tokens that
# are out were made with it. A better one is another dictionary with another number.
_DICTIONARY = (
    b"/kategorien/kategorie/produkte/produkt/angebote/neuheiten/produits/produit/actualites/nouveautes/productos/ofertas/"
    b"/event/events/webinar/register/download/resources/case-study/pricing/demo/donate/membership/community/status/posts/"
    b"/unsubscribe/account/settings/checkout/cart/blog/article/articles/news/categories/category/collections/collection/"
    b"products/product/shop/store/new-arrivals/winter-summer-spring-autumn-collection/offers/offer/landing/welcome/index"
    b".html.php.aspx?id=&ref=&lang=en&lang=fr&variant=&size=&color=&discount=&coupon=&promo=&gclid=&mc_cid=&mc_eid="
    b"https://www.youtube.com/watch?v=https://www.instagram.com/https://www.facebook.com/https://www.linkedin.com/company/"
    b"https://twitter.com/https://apps.apple.com/app/https://play.google.com/store/apps/details?id="
    b"&pos=header&pos=footer&position=&section=&utm_source=nl&utm_medium=mail&utm_id=&utm_term=header&utm_term=footer&utm_content=button&utm_content=image&utm_content=cta&utm_content="
    b"utm_source=email&utm_source=mailing&utm_source=newsletter&utm_medium=email&utm_campaign=black-friday&utm_campaign="
    b"2025-01-2026-0-2027-0/sale/.co.uk/.org/.net/.eu/.fr/.de/.io/https://shop.https://blog.https://www.http://www..com/"
    b"?utm_source=newsletter&utm_medium=email&utm_campaign="
)


class TokenError(ValueError):
    """A text that is no token of ours, or fields of which none can be made. `reason` is one word for counting."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Token:
    """What a token stands for.

    `kind` is one of KINDS. `position` is the link's order in the message, from 1 (0: unknown), `part` the part that it stands
    in (html, text, amp, or empty). `expires_on` counts days since 1970, 0 means never. `destination` is where a click leads.
    An anonymous one names no recipient and no message; one that is not recorded leads on and leaves no trace.
    """

    kind: str
    delivery: str
    message: str = ""
    recipient: str = ""
    position: int = 0
    part: str = ""
    expires_on: int = 0
    is_anonymous: bool = False
    is_recorded: bool = True
    destination: str = ""

    def is_expired(self, today: int) -> bool:
        """Whether it has ended on the day `today` (days since 1970, UTC)."""
        return 0 < self.expires_on < today


class Keyring:
    """The keys of tokens: the first makes them, all read them. Another first one is a rotation."""

    def __init__(self, keys: Iterable[tuple[str, bytes]]) -> None:
        """`keys`: letter and 64 bytes, newest first. Raises ValueError for none, two of one letter, or another length."""
        listed = list(keys)
        if not listed or len({letter for letter, _ in listed}) != len(listed):
            raise ValueError("A keyring needs at least one key, and each letter once.")
        self._ciphers = {letter: AESSIV(key) for letter, key in listed}
        self._newest = listed[0][0]

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """The keyring of a file of lines `letter:128 hex digits`, newest first; blank lines and `#` are left out.

        Raises ValueError, which names the line and never shows the key.
        """
        keys = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = _KEY_LINE.fullmatch(line.strip())
            if not found:
                raise ValueError(f"Line {number} is no key: write a letter, a colon and 128 hex digits.")
            keys.append((found[1], bytes.fromhex(found[2])))
        return cls(keys)

    def make(self, token: Token) -> str:
        """The text of `token`, by the newest key. Raises TokenError where a field cannot be carried."""
        sealed = self._ciphers[self._newest].encrypt(_packed(token), [token.kind.encode()])
        text = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() + self._newest
        if len(text) > LENGTH_LIMIT:
            raise TokenError("too_long", f"the token would have {len(text)} characters, the limit is {LENGTH_LIMIT}")
        return text

    def mint(self, tokens: Iterable[Token]) -> Mint:
        """What makes `tokens` for one recipient after another, by the newest key. Raises TokenError as `make` does."""
        return Mint(self._ciphers[self._newest], self._newest, tokens)

    def read(self, kind: str, text: str) -> Token:
        """What `text` stands for, where it is a token of this kind. Raises TokenError with the reason to count."""
        if len(text) > LENGTH_LIMIT:
            raise TokenError("too_long", f"{len(text)} characters, the limit is {LENGTH_LIMIT}")
        if not _TEXT.fullmatch(text):
            raise TokenError("malformed", "other characters than a token has")
        cipher = self._ciphers.get(text[-1])
        if cipher is None:
            raise TokenError("unknown_key", "made with a key that is not in the keyring")
        sealed = _decoded(text[:-1])
        fields = _opened(cipher, sealed, kind)
        if fields is None:
            if any(_opened(cipher, sealed, other) is not None for other in KINDS if other != kind):
                raise TokenError("wrong_kind", "a token of another kind")
            raise TokenError("forged", "not made with the key that it names")
        return _unpacked(kind, fields)


class Mint:
    """Tokens that differ from one recipient to the next in message and recipient alone, as those of a message's links do.

    It makes what `Keyring.make` makes, without packing again what stays the same.
    """

    def __init__(self, cipher: AESSIV, letter: str, tokens: Iterable[Token]) -> None:
        self._encrypt = cipher.encrypt
        self._letter = letter
        self._blanks = [
            (_packed_head(token), not token.is_anonymous, _packed_tail(token), [token.kind.encode()])
            for token in tokens
        ]
        self._longest = max((len(head) + len(tail) for head, _, tail, _ in self._blanks), default=0)

    def strike(self, message: str, recipient: str) -> Sequence[str]:
        """The texts of all its tokens, in their order, for `recipient` and their `message`. Raises TokenError."""
        if not self._blanks:
            return ()
        ids = _packed_id(message) + _packed_id(recipient)
        # Each byte is more than a letter, and the rest is 16 bytes of authentication and the key's letter.
        if (length := -(-(self._longest + len(ids) + 16) * 4 // 3) + 1) > LENGTH_LIMIT:
            raise TokenError("too_long", f"the token would have {length} characters, the limit is {LENGTH_LIMIT}")
        encrypt, to_base64 = self._encrypt, binascii.b2a_base64
        lines = b"".join(
            [
                to_base64(encrypt(head + (ids if is_named else _NO_IDS) + tail, kind))
                for head, is_named, tail, kind in self._blanks
            ]
        )
        text = lines.translate(_URL_SAFE, b"=").decode("ascii")
        return text.replace("\n", f"{self._letter}\n").split("\n")[:-1]


def new_key(letter: str) -> str:
    """A line for a file of keys, with a new random key."""
    return f"{letter}:{AESSIV.generate_key(KEY_BYTES * 8).hex()}"


def checked_destination(url: str) -> str:
    """`url` where a redirect may lead there: absolute, http or https, without blanks and control characters.

    Raises TokenError.
    """
    if _UNFIT.search(url):
        raise TokenError("bad_destination", "a URL with a blank or a control character")
    try:
        parts = urlsplit(url)
        is_fit = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_fit = False
    if not is_fit or len(url.encode("utf-8", "replace")) > DESTINATION_LIMIT:
        raise TokenError("bad_destination", f"no absolute http or https URL of up to {DESTINATION_LIMIT} bytes")
    return url


def location(destination: str) -> str:
    """`destination` as the header Location may hold it: ASCII alone. What is ASCII already stays as it is."""
    if destination.isascii():
        return destination
    parts = urlsplit(destination)
    host = parts.hostname or ""
    try:
        named = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        named = quote(host)
    netloc = parts.netloc.replace(host, named) if host in parts.netloc else named
    return quote(parts._replace(netloc=netloc).geturl(), safe="!#$%&'()*+,/:;=?@[]~\"<>\\^`{|}")


def _opened(cipher: AESSIV, sealed: bytes, kind: str) -> bytes | None:
    try:
        return cipher.decrypt(sealed, [kind.encode()])
    except (InvalidTag, ValueError):
        return None


def _decoded(text: str) -> bytes:
    # Of several spellings of the same bytes only ours is taken, so that each changed character is a changed token.
    if len(text) < 2 or text[-1] not in _LAST.get(len(text) % 4, ""):
        raise TokenError("malformed", "no base64url as we write it")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _packed(token: Token) -> bytes:
    return _packed_head(token) + _packed_id(token.message) + _packed_id(token.recipient) + _packed_tail(token)


def _packed_head(token: Token) -> bytes:
    """All that stands before message and recipient."""
    if token.kind not in KINDS:
        raise TokenError("wrong_kind", f"there is no kind {token.kind!r}")
    if token.part not in _PARTS or not 0 <= token.position < 1 << 28 or not 0 <= token.expires_on < 1 << 16:
        raise TokenError("bad_field", "part, position or expiry is out of range")
    if token.is_anonymous and (token.recipient or token.message):
        raise TokenError("bad_field", "an anonymous token names no recipient and no message")
    if token.kind in NEVER_EXPIRE and token.expires_on:
        raise TokenError("bad_field", "an opt-out and a consent must work for ever")
    flags = _ANONYMOUS * token.is_anonymous | _UNRECORDED * (not token.is_recorded)
    flags |= _PARTS.index(token.part) << _PART_SHIFT
    return bytes((flags,)) + token.expires_on.to_bytes(2, "big") + _varint(token.position) + _packed_id(token.delivery)


def _packed_tail(token: Token) -> bytes:
    """All that stands behind message and recipient."""
    return _packed_destination(token.destination) if token.kind == CLICK else b""


def _unpacked(kind: str, fields: bytes) -> Token:
    flags, expires_on = fields[0], int.from_bytes(fields[1:3], "big")
    position, at = _read_varint(fields, 3)
    delivery, at = _unpacked_id(fields, at)
    message, at = _unpacked_id(fields, at)
    recipient, at = _unpacked_id(fields, at)
    return Token(
        kind,
        delivery,
        message,
        recipient,
        position=position,
        part=_PARTS[flags >> _PART_SHIFT & 3],
        expires_on=expires_on,
        is_anonymous=bool(flags & _ANONYMOUS),
        is_recorded=not flags & _UNRECORDED,
        destination=_unpacked_destination(fields[at:]) if kind == CLICK else "",
    )


def _packed_id(value: str) -> bytes:
    """An id as it is shortest: a number, a UUID or hex digits as bytes, else its text."""
    if _UUID.fullmatch(value):
        form, content = _AS_UUID, UUID(value).bytes
    elif _NUMBER.fullmatch(value):
        number = int(value)
        form, content = _AS_NUMBER, number.to_bytes((number.bit_length() + 7) // 8, "big")
    elif _HEX.fullmatch(value):
        form, content = _AS_HEX, bytes.fromhex(value)
    else:
        try:
            form, content = _AS_TEXT, value.encode()
        except UnicodeEncodeError:
            raise TokenError("bad_field", "an id that is no text") from None
    if len(content) > ID_LIMIT:
        raise TokenError("bad_field", f"an id of {len(content)} bytes, the limit is {ID_LIMIT}")
    if len(content) < _LONG:
        return bytes((form << 6 | len(content),)) + content
    return bytes((form << 6 | _LONG,)) + _varint(len(content)) + content


_NO_IDS = _packed_id("") * 2


def _unpacked_id(fields: bytes, at: int) -> tuple[str, int]:
    form, length, at = fields[at] >> 6, fields[at] & _LONG, at + 1
    if length == _LONG:
        length, at = _read_varint(fields, at)
    content = fields[at : at + length]
    if form == _AS_UUID:
        value = str(UUID(bytes=content))
    elif form == _AS_NUMBER:
        value = str(int.from_bytes(content, "big"))
    else:
        value = content.hex() if form == _AS_HEX else content.decode()
    return value, at + length


@lru_cache(maxsize=4096)
def _packed_destination(url: str) -> bytes:
    """Kept, because a link of a message goes to all its recipients."""
    plain = checked_destination(url).encode()
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=_DICTIONARY)
    deflated = compressor.compress(plain) + compressor.flush()
    return bytes((_DEFLATED,)) + deflated if len(deflated) < len(plain) else bytes((_PLAIN,)) + plain


@lru_cache(maxsize=4096)
def _unpacked_destination(packed: bytes) -> str:
    content = packed[1:]
    if packed[0] == _DEFLATED:
        content = zlib.decompressobj(-15, zdict=_DICTIONARY).decompress(content, DESTINATION_LIMIT + 1)
    return checked_destination(content.decode())


def _varint(number: int) -> bytes:
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*content, number))


def _read_varint(fields: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = fields[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at
