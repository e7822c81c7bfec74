import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from itertools import combinations

import pytest

from services.shared.access.principal import GRANTED, SYSTEM, Principal, Scope
from services.shared.access.service_tokens import LIFE_SECONDS, SKEW_SECONDS, ServiceTokens
from services.shared.access.signing import Secrets
from services.shared.errors import StartupError, Unauthenticated
from tests.support.clock import Clock

LEAST_BYTES = 32
SECRET = bytes(range(LEAST_BYTES))
ALICE = Principal("user:alice", frozenset({Scope.READ}))


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def tokens(clock: Clock) -> ServiceTokens:
    return ServiceTokens(SECRET, clock)


def refusal(check: Callable[[], object]) -> str:
    with pytest.raises(Unauthenticated) as caught:
        check()
    return caught.value.summary


@pytest.mark.parametrize("count", range(len(Scope) + 1))
def test_a_token_carries_the_name_and_every_scope(tokens: ServiceTokens, count: int) -> None:
    for scopes in combinations(Scope, count):
        caller = Principal("jwt:Zoë O'Neil <z@a.example>", frozenset(scopes))
        checked = ServiceTokens(SECRET, lambda: 1_000_000.0).check(tokens.make(caller))
        assert checked == Principal(caller.name, caller.scopes | {Scope.SERVICE})


def test_the_token_of_the_store_itself_has_all_scopes(tokens: ServiceTokens) -> None:
    assert tokens.check(tokens.make(SYSTEM)) == SYSTEM


@pytest.mark.parametrize("secret", [bytes(LEAST_BYTES), SECRET + b"x", SECRET[::-1]])
def test_a_token_of_another_secret_is_refused(tokens: ServiceTokens, secret: bytes) -> None:
    foreign = ServiceTokens(secret, lambda: 1_000_000.0).make(SYSTEM)
    assert "another secret" in refusal(lambda: tokens.check(foreign))


def test_a_change_of_any_character_is_noticed(tokens: ServiceTokens) -> None:
    token = tokens.make(ALICE)
    for index, character in enumerate(token):
        forged = f"{token[:index]}{'x' if character != 'x' else 'y'}{token[index + 1 :]}"
        refusal(partial(tokens.check, forged))


@pytest.mark.parametrize(
    "token",
    ["", ".", "....", "a", "1.2.3", "x.y.z", "1.2000000.r.YQ.", "1.2000000.r.YQ.é", "\x00" * 9, "é" * 4],
)
def test_a_malformed_token_is_refused(tokens: ServiceTokens, token: str) -> None:
    refusal(lambda: tokens.check(token))


@pytest.mark.parametrize(
    "head", ["2.9999999999.r.YQ", "1.soon.r.YQ", "1.9999999999.q.YQ", "1.9999999999.r.__", "1.r.YQ"]
)
def test_signed_nonsense_is_refused(tokens: ServiceTokens, head: str) -> None:
    signature = urlsafe_b64encode(hmac.digest(SECRET, head.encode(), "sha256")).rstrip(b"=").decode()
    refusal(lambda: tokens.check(f"{head}.{signature}"))


def test_a_token_expires_also_when_it_has_been_checked_before(tokens: ServiceTokens, clock: Clock) -> None:
    token = tokens.make(ALICE)
    clock.now += LIFE_SECONDS + SKEW_SECONDS
    assert tokens.check(token).name == ALICE.name
    clock.now += 1
    assert "too old" in refusal(lambda: tokens.check(token))
    assert "too old" in refusal(lambda: ServiceTokens(SECRET, clock).check(token))


def test_a_token_is_made_again_after_half_of_its_life(tokens: ServiceTokens, clock: Clock) -> None:
    first = tokens.make(ALICE)
    clock.now += LIFE_SECONDS // 2 - 1
    assert tokens.make(ALICE) == first
    clock.now += 1
    second = tokens.make(ALICE)
    assert second != first
    assert tokens.check(first) == tokens.check(second)


def test_callers_of_one_name_with_other_scopes_have_other_tokens(tokens: ServiceTokens) -> None:
    writer = Principal(ALICE.name, frozenset({Scope.WRITE}))
    assert tokens.check(tokens.make(ALICE)).scopes == {Scope.READ, Scope.SERVICE}
    assert tokens.check(tokens.make(writer)).scopes == {Scope.WRITE, Scope.SERVICE}


def test_many_callers_are_forgotten_and_stay_valid(tokens: ServiceTokens) -> None:
    first = tokens.make(ALICE)
    for number in range(5000):
        tokens.check(tokens.make(Principal(f"key:{number}", GRANTED)))
    assert tokens.check(first).name == ALICE.name
    assert tokens.make(ALICE) == first


def test_remembered_tokens_of_a_secret_that_was_taken_back_are_refused(clock: Clock) -> None:
    new = bytes(LEAST_BYTES)
    secrets = Secrets(SECRET, new)
    tokens, other = ServiceTokens(secrets, clock), ServiceTokens(new, clock)
    old_token, new_token = tokens.make(ALICE), other.make(ALICE)
    assert tokens.check(old_token) == tokens.check(new_token)
    secrets.all = (new,)
    assert "another secret" in refusal(lambda: tokens.check(old_token))
    assert tokens.check(new_token).name == ALICE.name
    assert other.check(tokens.make(ALICE)).name == ALICE.name


@pytest.mark.parametrize("length", [0, 1, LEAST_BYTES - 1])
def test_a_short_secret_is_refused(length: int) -> None:
    with pytest.raises(StartupError, match="fewer than 32 bytes"):
        ServiceTokens(bytes(length))


def test_no_error_repeats_the_token_or_the_secret(tokens: ServiceTokens) -> None:
    token = tokens.make(ALICE) + "x"
    assert token not in refusal(lambda: tokens.check(token))
