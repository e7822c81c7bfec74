"""The scopes and the name of a caller in the claims of a JWT."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from services.access.settings import AccessSettings
from services.shared.access.principal import GRANTED, Principal, Scope
from services.shared.errors import StartupError, Unauthenticated

_MAX_NAME: int = 200


class Claims(NamedTuple):
    """The places of scopes in the claims, and the scopes of each role."""

    scope_claim: str
    scope_prefix: str
    roles_claim: str
    roles: Mapping[str, frozenset[Scope]]

    @classmethod
    def of(cls, settings: AccessSettings) -> "Claims":
        """The claims that the settings name. StartupError for a malformed list of roles."""
        return cls(
            settings.scope_claim, settings.scope_prefix, settings.roles_claim, parse_roles(settings.roles)
        )

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """The caller of a token with these claims, which are checked. Unauthenticated without a subject."""
        subject = claims.get("sub") or claims.get("client_id") or claims.get("azp")
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_NAME or not subject.isprintable():
            raise Unauthenticated("the token has no subject")
        return Principal.of(f"jwt:{subject}", {*self._scopes(claims), *self._scopes_of_roles(claims)})

    def _scopes(self, claims: Mapping[str, Any]) -> Iterable[Scope]:
        words = set(_words(claims, self.scope_claim))
        return (scope for scope in GRANTED if f"{self.scope_prefix}{scope}" in words)

    def _scopes_of_roles(self, claims: Mapping[str, Any]) -> Iterable[Scope]:
        for role in _words(claims, self.roles_claim):
            yield from self.roles.get(role, ())


def parse_roles(text: str) -> dict[str, frozenset[Scope]]:
    """The scopes of each role in a list such as "editor=read+write,operator=admin". StartupError."""
    roles = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        role, _, scopes = part.partition("=")
        try:
            found = frozenset(Scope(scope.strip()) for scope in scopes.split("+"))
        except ValueError:
            found = frozenset()
        if not role.strip() or not found or not found <= GRANTED:
            raise StartupError(f"TAMS_AUTH_ROLES: {part!r} is not like editor=read+write")
        roles[role.strip()] = found
    return roles


def _words(claims: Mapping[str, Any], path: str) -> Iterable[str]:
    """The words of a claim, which is a list or a text with spaces; its path has dots between names."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
