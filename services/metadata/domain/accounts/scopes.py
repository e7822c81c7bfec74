"""The scopes of users and API keys, and their text in tables."""

from collections.abc import Iterable

from services.shared.access.principal import GRANTED, Scope
from services.shared.json.reading import refuse


def check_scopes(scopes: frozenset[Scope]) -> None:
    """InvalidArgument BAD_SCOPES unless there is a scope, and callers from outside can have all of them."""
    if not scopes or not scopes <= GRANTED:
        raise refuse(f"must be some of {', '.join(sorted(GRANTED))}", "$.scopes", "BAD_SCOPES")


def text_of_scopes(scopes: Iterable[Scope]) -> str:
    """The scopes in order, separated by blanks."""
    return " ".join(sorted(scopes))


def scopes_of_text(text: str) -> frozenset[Scope]:
    """The scopes in a text. Words that a later version wrote grant nothing."""
    return frozenset(scope for scope in GRANTED if scope in text.split())
