"""Signs the tokens that a store makes for itself: fields between dots, the last of them an HMAC-SHA256.

All kinds of tokens are signed with the same secret. The text that is signed begins with the purpose, so a
token of one kind is never valid as one of another.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from services.shared.access.principal import Limit, Principal, Scope
from services.shared.errors import StartupError

MIN_SECRET_BYTES: Final = 32
# No base64 text.
_ALL: Final = "-"
_LETTERS: Final = {Scope.READ: "r", Scope.WRITE: "w", Scope.DELETE: "d", Scope.ADMIN: "a", Scope.SERVICE: "s"}
_SCOPES: Final = {letter: scope for scope, letter in _LETTERS.items()}


class Secrets:
    """The secrets of a store: the first signs, all of them verify. `all` may be replaced at any time."""

    def __init__(self, *secrets: bytes) -> None:
        """StartupError for a short secret."""
        if any(len(secret) < MIN_SECRET_BYTES for secret in secrets):
            raise StartupError(f"the secret of service tokens has fewer than {MIN_SECRET_BYTES} bytes")
        self.all = secrets


class Signer:
    """Signs and opens the tokens of one purpose."""

    def __init__(self, secrets: Secrets, purpose: str) -> None:
        self._secrets = secrets
        self._purpose = f"{purpose}\n"

    def sign(self, fields: Sequence[str]) -> str:
        """The token with these fields, none of which has a dot."""
        head = ".".join(fields)
        return f"{head}.{self._signature(head, self._secrets.all[0])}"

    def open(self, token: str) -> list[str] | None:
        """The fields of a token; None if it was not signed with one of the secrets for this purpose."""
        head, _, signature = token.rpartition(".")
        for secret in self._secrets.all:
            if hmac.compare_digest(self._signature(head, secret).encode(), signature.encode()):
                return head.split(".")
        return None

    def _signature(self, head: str, secret: bytes) -> str:
        return _encode(hmac.digest(secret, f"{self._purpose}{head}".encode(), "sha256"))


def fields_of(principal: Principal) -> list[str]:
    """A caller as fields: its scopes as letters, its name and its classes, or a hyphen for all classes.

    The methods and the flow of a limit follow.
    """
    letters = "".join(sorted(_LETTERS[scope] for scope in principal.scopes))
    classes = _ALL if principal.classes is None else _encode(",".join(sorted(principal.classes)).encode())
    fields = [letters, _encode(principal.name.encode()), classes]
    if principal.limit is None:
        return fields
    return [*fields, "-".join(sorted(principal.limit.methods)), _encode(principal.limit.flow_id.encode())]


def principal_of(
    letters: str, name: str, classes: str, methods: str | None = None, flow_id: str = ""
) -> Principal:
    """The caller in such fields. ValueError or KeyError if they are malformed."""
    scopes = frozenset(_SCOPES[letter] for letter in letters)
    limit = None if methods is None else Limit(frozenset(methods.split("-")), _decode(flow_id).decode())
    seen = None if classes == _ALL else frozenset(filter(None, _decode(classes).decode().split(",")))
    return Principal(_decode(name).decode(), scopes, limit, seen)


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
