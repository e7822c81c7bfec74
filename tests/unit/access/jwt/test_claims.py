from typing import Any

import pytest

from services.access.jwt.claims import Claims, parse_roles
from services.access.settings import AccessSettings
from services.shared.access.classes import MAX_CLASSES
from services.shared.access.principal import GRANTED, Scope
from services.shared.errors import StartupError, Unauthenticated

READ_WRITE = {Scope.READ, Scope.WRITE}


def scopes(claims: dict[str, Any], **settings: str) -> frozenset[Scope]:
    return Claims.of(AccessSettings(**settings)).principal({"sub": "a", **claims}).scopes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        "tams-api/read tams-api/write",
        "openid  tams-api/write other-api/delete tams-api/read email",
        ["tams-api/read", "tams-api/write", "profile"],
        ["tams-api/read", "tams-api/write", 5, None, {"tams-api/delete": 1}],
    ],
)
def test_scopes_are_a_text_or_a_list(value: object) -> None:
    assert scopes({"scope": value}) == READ_WRITE


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        True,
        {},
        {"tams-api/read": True},
        "",
        [],
        "read write",
        "tams-api/",
        "tams-api/READ",
        "tams-api/service",
    ],
)
def test_other_values_give_no_scope(value: object) -> None:
    assert scopes({"scope": value}) == frozenset()


def test_admin_includes_the_other_scopes() -> None:
    assert scopes({"scope": "tams-api/admin"}) == GRANTED


@pytest.mark.parametrize(
    ("prefix", "word"), [("", "read"), ("urn:store:", "urn:store:read"), ("api://a/", "api://a/read")]
)
def test_the_prefix_is_chosen(prefix: str, word: str) -> None:
    assert scopes({"scope": f"{word} tams-api/write"}, scope_prefix=prefix) == {Scope.READ}


def test_the_claim_is_chosen() -> None:
    assert scopes({"scp": ["tams-api/read"], "scope": "tams-api/write"}, scope_claim="scp") == {Scope.READ}
    nested = {"permissions": {"store": "tams-api/delete"}}
    assert scopes(nested, scope_claim="permissions.store") == {Scope.DELETE}
    assert scopes({"https://a.example/scopes": "tams-api/read"}, scope_claim="https://a.example/scopes") == {
        Scope.READ
    }


ROLES = "editor=read+write, operator = admin"


def test_roles_give_scopes_from_a_nested_claim() -> None:
    settings = {"roles": ROLES, "roles_claim": "realm_access.roles"}
    assert scopes({"realm_access": {"roles": ["editor", "offline_access"]}}, **settings) == READ_WRITE
    assert scopes({"realm_access": {"roles": "operator"}}, **settings) == GRANTED
    assert scopes({"realm_access": {"roles": ["stranger"]}}, **settings) == frozenset()
    for odd in (None, 5, [], ["roles"], "editor"):
        assert scopes({"realm_access": odd}, **settings) == frozenset()


def test_roles_add_to_the_scopes() -> None:
    assert scopes({"scope": "tams-api/delete", "roles": ["editor"]}, roles=ROLES) == READ_WRITE | {
        Scope.DELETE
    }


def test_a_role_that_no_setting_names_gives_nothing() -> None:
    assert scopes({"roles": ["admin", "tams-api/admin", "read"]}) == frozenset()


@pytest.mark.parametrize(
    "text", ["editor", "editor=", "=read", "editor=read+", "editor=root", "editor=service", "a=read;b"]
)
def test_a_malformed_list_of_roles_stops_the_start(text: str) -> None:
    with pytest.raises(StartupError, match="TAMS_AUTH_ROLES"):
        parse_roles(text)


def test_an_empty_list_of_roles_is_allowed() -> None:
    assert parse_roles("") == parse_roles(" , ") == {}


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "alice", "client_id": "x"}, "jwt:alice"),
        ({"client_id": "ingest"}, "jwt:ingest"),
        ({"azp": "player"}, "jwt:player"),
    ],
)
def test_the_caller_is_the_subject_or_the_client(claims: dict[str, Any], name: str) -> None:
    assert Claims.of(AccessSettings()).principal(claims).name == name


def classes(claims: dict[str, Any], scope: str = "read", **settings: str) -> frozenset[str] | None:
    named = {"sub": "a", "scope": f"tams-api/{scope}", **claims}
    return Claims.of(AccessSettings(**settings)).principal(named).classes  # type: ignore[arg-type]


def test_callers_have_all_classes_where_no_setting_names_a_claim() -> None:
    assert classes({"groups": ["news"], "classes": []}) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["news", "sport/live"], frozenset({"news", "sport/live"})),
        ("news  sport", frozenset({"news", "sport"})),
        (["news", "two words", "", "-a", 5, None, {"sport": 1}, "a" * 65], frozenset({"news"})),
        (["*"], None),
        ("news *", None),
        (["**"], frozenset()),
        (None, frozenset()),
        ([], frozenset()),
        ("", frozenset()),
        (5, frozenset()),
        (True, frozenset()),
        ({"news": True}, frozenset()),
    ],
)
def test_classes_are_a_text_or_a_list(value: object, expected: frozenset[str] | None) -> None:
    assert classes({"groups": value}, classes_claim="groups") == expected


def test_a_token_without_the_claim_has_no_class() -> None:
    assert classes({"roles": ["*"]}, classes_claim="groups") == frozenset()


def test_classes_are_in_a_nested_claim_and_have_a_prefix() -> None:
    settings = {"classes_claim": "store.groups", "classes_prefix": "class:"}
    words = ["class:news", "sport", "*", "class:", "class:-", "other:class:sport"]
    assert classes({"store": {"groups": words}}, **settings) == frozenset({"news"})
    assert classes({"store": {"groups": [*words, "class:*"]}}, **settings) is None


def test_an_administrator_has_all_classes() -> None:
    assert classes({"groups": ["news"]}, "admin", classes_claim="groups") is None


def test_a_token_has_no_more_classes_than_a_caller_can_have() -> None:
    names = [f"class-{number}" for number in range(MAX_CLASSES + 1)]
    found = classes({"groups": [*names[:-1], *names[:-1], "no class!"]}, classes_claim="groups")
    assert found == frozenset(names[:-1])
    with pytest.raises(Unauthenticated, match="more than 32 classes"):
        classes({"groups": names}, classes_claim="groups")


def test_a_prefix_without_its_claim_stops_the_start() -> None:
    with pytest.raises(StartupError, match="TAMS_AUTH_CLASSES_CLAIM"):
        Claims.of(AccessSettings(classes_prefix="class:"))


@pytest.mark.parametrize("subject", [None, "", 5, ["a"], "a\nb", "a\x00", "a" * 201])
def test_a_token_without_a_printable_subject_is_refused(subject: object) -> None:
    with pytest.raises(Unauthenticated, match="no subject"):
        Claims.of(AccessSettings()).principal({"sub": subject})
