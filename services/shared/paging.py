"""Opaque page tokens.

A token contains the name of the listing and the key of the last row of a page, so that the next page
continues there even if rows were inserted or deleted. It is validated but not signed, because it gives access
to nothing that the caller may not read anyway.
"""

import base64
import binascii
from typing import TypeVar

import msgspec

from services.shared.errors import InvalidArgument
from services.shared.timerange import MAX_NS, MIN_NS

K = TypeVar("K")


def encode_token(listing: str, key: object) -> str:
    """The token of the page after `key`: only letters, digits, "-" and "_", so it is safe in a Link."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((listing, key))).rstrip(b"=").decode()


def decode_token(token: str, listing: str, key_type: type[K]) -> K | None:
    """The key in the token, None for an empty token.

    InvalidArgument BAD_PAGE_TOKEN if the token is malformed or was issued by another listing.
    """
    if not token:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        name, key = msgspec.msgpack.decode(raw, type=tuple[str, key_type])  # type: ignore[valid-type]
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise _bad() from None
    if name != listing or (isinstance(key, int) and not MIN_NS <= key <= MAX_NS):
        raise _bad()
    return key


def page_size(requested: int, *, default: int, maximum: int) -> int:
    """The page size to use: the default if none was requested (0 or less), at most `maximum`."""
    return min(requested, maximum) if requested > 0 else default


def _bad() -> InvalidArgument:
    return InvalidArgument("the page key was not issued by this listing", reason="BAD_PAGE_TOKEN")
