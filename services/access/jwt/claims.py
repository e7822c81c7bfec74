"""The scopes, the classes and the name of a caller in the claims of a JWT."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from services.access.settings import AccessSettings
from services.shared.access.classes import MAX_CLASSES, classes_of_words
from services.shared.access.principal import GRANTED, Principal, Scope
from services.shared.errors import StartupError, Unauthenticated

_MAX_NAME: int = 200


class Claims(NamedTuple):
    """The places of scopes and classes in the claims, and the scopes of each role."""

    scope_claim: str
    scope_prefix: str
    roles_claim: str
    roles: Mapping[str, frozenset[Scope]]
    # Empty if all callers have all classes.
    classes_claim: str = ""
    classes_prefix: str = ""

    @classmethod
    def of(cls, settings: AccessSettings) -> "Claims":
        """The claims that the settings name.

        StartupError for a malformed list of roles, and for a prefix of classes without their claim.
        """
        if settings.classes_prefix and not settings.classes_claim:
            raise StartupError("TAMS_AUTH_CLASSES_PREFIX needs TAMS_AUTH_CLASSES_CLAIM")
        return cls(
            settings.scope_claim,
            settings.scope_prefix,
            settings.roles_claim,
            parse_roles(settings.roles),
            settings.classes_claim,
            settings.classes_prefix,
        )

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """The caller of a token with these claims, which are checked.

        Unauthenticated without a subject, and with more than MAX_CLASSES classes.
        """
        subject = claims.get("sub") or claims.get("client_id") or claims.get("azp")
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_NAME or not subject.isprintable():
            raise Unauthenticated("the token has no subject")
        scopes = {*self._scopes(claims), *self._scopes_of_roles(claims)}
        return Principal.of(f"jwt:{subject}", scopes, self._classes(claims))

    def _scopes(self, claims: Mapping[str, Any]) -> Iterable[Scope]:
        words = set(_words(claims, self.scope_claim))
        return (scope for scope in GRANTED if f"{self.scope_prefix}{scope}" in words)

    def _classes(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        if not self.classes_claim:
            return None
        prefix = self.classes_prefix
        words = _words(claims, self.classes_claim)
        classes = classes_of_words(word.removeprefix(prefix) for word in words if word.startswith(prefix))
        # Some of them, without saying so, would be a riddle to the caller.
        if classes is not None and len(classes) > MAX_CLASSES:
            raise Unauthenticated(f"the token has more than {MAX_CLASSES} classes")
        return classes

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
