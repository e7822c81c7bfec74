"""Opaque page tokens.

A token holds the name of the listing and the key of the last row returned, so that a walk goes on at
the right place whatever is inserted or deleted meanwhile. It grants nothing: keys only steer a query
that the caller may run anyway, so it is validated, not signed.
"""

import base64
import binascii
from typing import TypeVar

import msgspec

from services.shared.errors import InvalidArgument
from services.shared.timerange import MAX_NS, MIN_NS

K = TypeVar("K")


def encode_token(listing: str, key: object) -> str:
    """The token for the page after `key`. Letters, digits, "-" and "_" only: safe inside a Link."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((listing, key))).rstrip(b"=").decode()


def decode_token(token: str, listing: str, key_type: type[K]) -> K | None:
    """The key in the token, None for no token; InvalidArgument if another listing issued it."""
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


def page_size(asked: int, *, default: int, maximum: int) -> int:
    """The page size in force: the default for 0, clamped to 1..maximum otherwise."""
    return min(asked, maximum) if asked > 0 else default


def _bad() -> InvalidArgument:
    return InvalidArgument("the page key was not issued by this listing", reason="BAD_PAGE_TOKEN")
