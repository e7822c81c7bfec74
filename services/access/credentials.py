"""The credentials that a request carries (TAMS 7.0, security schemes; RFC 6750, RFC 7617)."""

import binascii
from base64 import b64decode
from typing import NamedTuple, TypeAlias

from services.shared.errors import Unauthenticated

# The start of the text of every API key, so that it differs from a JWT.
KEY_PREFIX = "tams_"


class Bearer(NamedTuple):
    """A token: a JWT, or an API key."""

    token: str

    @property
    def is_key(self) -> bool:
        """True for an API key."""
        return self.token.startswith(KEY_PREFIX)


class Basic(NamedTuple):
    """A user and a password."""

    user: str
    password: str


Credentials: TypeAlias = Bearer | Basic


def parse_authorization(header: str) -> Credentials:
    """The credentials in an Authorization header. Unauthenticated BAD_CREDENTIALS if it is malformed."""
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value and " " not in value:
        return Bearer(value)
    if scheme.lower() == "basic":
        return _basic(value)
    raise Unauthenticated("the Authorization header has neither Bearer nor Basic credentials")


def _basic(value: str) -> Basic:
    try:
        user, colon, password = b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated("the Basic credentials are malformed") from None
    if not user or not colon:
        raise Unauthenticated("the Basic credentials have no user or no password")
    return Basic(user, password)
