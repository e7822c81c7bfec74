"""Digests that replace long filters in the link to the next page.

Many proxies accept at most 4 KiB of response headers, and a filter may be longer than that. The value of a
label or tag is replaced by its first characters and its digest, with which metadata compares the rows. Each
item of a list is replaced by its digest. The gateway keeps no state between the pages.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from services.shared.errors import InvalidArgument

# The query parameter that carries the digests.
NAME: Final = "page_filters"
LISTS: Final = frozenset({"accept_get_urls", "accept_storage_ids"})
_KNOWN: Final = LISTS | {
    *("limit", "source_id", "timerange", "format", "codec", "label", "frame_width", "frame_height"),
    *("reverse_order", "verbose_storage", "presigned", "object_id", NAME),
}
_KNOWN_PREFIXES: Final = ("tag.", "tag_exists.")
# A filter with more percent-encoded characters is replaced.
_LONG_CHARACTERS: Final = 100
_BEGIN_CHARACTERS: Final = 24
_TEXT_BYTES: Final = 16
_ITEM_BYTES: Final = 8

Pair = tuple[str, str]


class LongText(NamedTuple):
    """The first 24 characters of a text and the first 16 bytes of its SHA-256."""

    begin: str
    sha256: bytes


class LongList:
    """A set of texts of which only the digests are known; it answers `in` but cannot list its items.

    `digests` are the first 8 bytes of the SHA-256 of each item, joined.
    """

    def __init__(self, digests: bytes) -> None:
        self._digests = frozenset(
            digests[start : start + _ITEM_BYTES] for start in range(0, len(digests), _ITEM_BYTES)
        )

    def __contains__(self, item: object) -> bool:
        return isinstance(item, str) and _digest(item, _ITEM_BYTES) in self._digests

    def __len__(self) -> int:
        return len(self._digests)


class LongFilters(NamedTuple):
    """The replaced filters of one request, by the name of the query parameter.

    `lists` has the digests of each list joined. The text form is MessagePack in URL-safe base64.
    """

    texts: dict[str, LongText]
    lists: dict[str, bytes]

    @classmethod
    def parse(cls, text: str) -> "LongFilters":
        """The filters in the value of `page_filters`. InvalidArgument BAD_QUERY if it is malformed."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return msgspec.msgpack.decode(raw, type=cls)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            raise InvalidArgument(
                f"query parameter {NAME!r} is malformed; copy it unchanged from the link to the next page",
                reason="BAD_QUERY",
            ) from None

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).rstrip(b"=").decode()


def shorten(pairs: Sequence[Pair], replaced: LongFilters) -> list[Pair]:
    """The parameters with digests in place of long filters, and without unknown parameters.

    `replaced` has the filters of which the request itself gave only the digests.
    """
    filters = LongFilters(dict(replaced.texts), dict(replaced.lists))
    kept: list[Pair] = []
    for name, value in pairs:
        is_long = len(quote(value, safe="")) > _LONG_CHARACTERS
        if is_long and (name == "label" or name.startswith("tag.")):
            filters.texts[name] = LongText(value[:_BEGIN_CHARACTERS], _digest(value, _TEXT_BYTES))
        elif is_long and name in LISTS:
            filters.lists[name] = _digests(value.split(","))
        elif name != NAME and (name in _KNOWN or name.startswith(_KNOWN_PREFIXES)):
            kept.append((name, value))
    return [*kept, (NAME, str(filters))]


def _digests(items: Iterable[str]) -> bytes:
    return b"".join(_digest(item, _ITEM_BYTES) for item in dict.fromkeys(items))


def _digest(text: str, length: int) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:length]
