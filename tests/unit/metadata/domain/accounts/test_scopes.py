from services.metadata.domain.accounts.scopes import scopes_of_text, text_of_scopes
from services.shared.access.principal import Scope


def test_scopes_are_read_as_they_were_written() -> None:
    scopes = frozenset({Scope.WRITE, Scope.READ})
    assert text_of_scopes(scopes) == "read write"
    assert scopes_of_text("read write") == scopes


def test_unknown_words_and_the_scope_of_services_grant_nothing() -> None:
    assert scopes_of_text("reader service later delete") == {Scope.DELETE}
    assert scopes_of_text("") == frozenset()
