"""The documents of an issuer: its keys (RFC 7517), and the place of those (OpenID Connect Discovery)."""

from typing import Final, TypeVar

import jwt
import msgspec

# The algorithms of signatures with public keys.
ASYMMETRIC: Final = frozenset({"RS256", "ES256", "EdDSA"})
_MAX_KEYS: Final = 100
# The members of a key that only its owner may have: of RSA, EC and OKP keys.
_PRIVATE: Final = "d"

D = TypeVar("D")


class _Jwks(msgspec.Struct):
    keys: list[dict[str, object]]


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


def parse_keys(document: bytes) -> dict[str, jwt.PyJWK]:
    """The keys for signatures in a JWKS, by id, without keys of unknown kinds.

    ValueError if it is malformed, or has a private key, which an issuer would not publish.
    """
    entries = _decoded(document, _Jwks).keys
    if len(entries) > _MAX_KEYS:
        raise ValueError(f"the JWKS has more than {_MAX_KEYS} keys")
    if any(_PRIVATE in entry for entry in entries):
        raise ValueError("the JWKS has a private key; give the store the public keys alone")
    found = {}
    for index, entry in enumerate(entries):
        if (key := _signing_key(entry)) is not None:
            found[str(entry.get("kid", index))] = key
    return found


def _signing_key(entry: dict[str, object]) -> jwt.PyJWK | None:
    if entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
        return None
    try:
        key = jwt.PyJWK(entry)
    except (jwt.PyJWTError, NotImplementedError):
        return None
    return key if key.algorithm_name in ASYMMETRIC else None


def jwks_uri(document: bytes, issuer: str) -> str:
    """The URL of the keys in a discovery document. ValueError if it is malformed or of another issuer."""
    found = _decoded(document, _Discovery)
    if found.issuer.rstrip("/") != issuer.rstrip("/"):
        raise ValueError(f"the discovery document is of another issuer: {found.issuer!r:.200}")
    schemes = ("https://",) if issuer.startswith("https://") else ("https://", "http://")
    if not found.jwks_uri.startswith(schemes):
        raise ValueError(f"the discovery document has a jwks_uri that is not {' or '.join(schemes)}")
    return found.jwks_uri


def _decoded(document: bytes, kind: type[D]) -> D:
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"the document is malformed: {error!s:.200}") from None
