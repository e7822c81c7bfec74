"""Tokens for URLs: what they carry, when they end, and what they are not."""

import re

import pytest

from services.shared.access.principal import Limit, Principal, Scope
from services.shared.access.service_tokens import ServiceTokens
from services.shared.access.url_tokens import PREFIX, UrlTokens
from services.shared.errors import Unauthenticated
from tests.support.clock import Clock

SECRET = b"a secret of thirty-two bytes or more"
FLOW = "4a1f0c5e-6d0b-4b8e-9d57-0c1a9e7f3b11"
ALICE = Principal("user:alice", frozenset({Scope.READ}), Limit(frozenset({"GET", "HEAD"}), FLOW))


def test_a_token_names_the_caller_and_its_limit_until_it_expires() -> None:
    clock = Clock(1000.5)
    tokens = UrlTokens(SECRET, clock)
    token = tokens.make(ALICE, 60)
    assert token.expires_at == 1060
    assert tokens.check(token.text) == (ALICE, 1060)
    clock.now = 1060
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.check(token.text)


def test_a_token_needs_no_encoding_in_a_url() -> None:
    token = UrlTokens(SECRET).make(ALICE, 60)
    assert re.fullmatch(r"tams-url\.[A-Za-z0-9._\-]+", token.text)
    assert token.text.startswith(PREFIX)


def test_a_token_never_has_the_scope_of_services() -> None:
    tokens = UrlTokens(SECRET)
    token = tokens.make(ALICE._replace(scopes=frozenset(Scope)), 60)
    assert tokens.check(token.text)[0].scopes == frozenset(Scope) - {Scope.SERVICE}


def test_a_caller_without_a_limit_gets_no_token() -> None:
    with pytest.raises(ValueError, match="limit"):
        UrlTokens(SECRET).make(ALICE._replace(limit=None), 60)


def test_each_change_of_a_token_makes_it_invalid() -> None:
    tokens = UrlTokens(SECRET)
    text = tokens.make(ALICE, 60).text
    for at in range(len(text) - 1):
        changed = text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]
        with pytest.raises(Unauthenticated):
            tokens.check(changed)


def test_tokens_of_services_and_of_urls_are_not_valid_as_each_other() -> None:
    urls, services = UrlTokens(SECRET), ServiceTokens(SECRET)
    with pytest.raises(Unauthenticated):
        services.check(urls.make(ALICE, 60).text)
    with pytest.raises(Unauthenticated):
        urls.check(services.make(ALICE))


def test_a_token_between_services_carries_the_limit() -> None:
    services = ServiceTokens(SECRET)
    received = services.check(services.make(ALICE))
    assert received.limit == ALICE.limit
    assert received.scopes == {Scope.READ, Scope.SERVICE}
