from collections import Counter

import pytest

from services.access.authenticator import REMEMBERED_SECONDS, Authenticator
from services.access.credentials import Basic, Bearer
from services.access.ports import Checked
from services.shared.access.principal import Principal, Scope
from services.shared.errors import Unauthenticated
from tests.support.clock import Clock


class Checks:
    """Accepts what is in `valid`, whatever its kind, and counts what it is asked."""

    def __init__(self) -> None:
        self.valid = {"jwt", "tams_key", "alice:secret"}
        self.expires_at = 1e9
        self.asked: Counter[str] = Counter()

    async def check(self, token: str) -> Checked:
        self.asked[token] += 1
        if token not in self.valid:
            raise Unauthenticated("not valid")
        return Checked(Principal(f"of:{token}", frozenset({Scope.READ})), self.expires_at)

    async def check_password(self, user: str, password: str) -> Checked:
        return await self.check(f"{user}:{password}")

    async def check_key(self, key: str) -> Checked:
        return await self.check(key)


KINDS = [(Bearer("jwt"), "jwt"), (Bearer("tams_key"), "tams_key"), (Basic("alice", "secret"), "alice:secret")]


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
def authenticator(checks: Checks, clock: Clock) -> Authenticator:
    return Authenticator(checks, checks, clock)


@pytest.mark.parametrize(("credentials", "text"), KINDS)
async def test_valid_credentials_are_checked_once_in_ten_seconds(
    authenticator: Authenticator, checks: Checks, clock: Clock, credentials: Bearer | Basic, text: str
) -> None:
    for _ in range(5):
        assert (await authenticator.principal(credentials)).name == f"of:{text}"
        clock.now += REMEMBERED_SECONDS / 5
    assert checks.asked == {text: 1}
    # Revoked now, and refused from now on.
    checks.valid.clear()
    with pytest.raises(Unauthenticated):
        await authenticator.principal(credentials)


@pytest.mark.parametrize(("credentials", "text"), KINDS)
async def test_credentials_are_not_remembered_beyond_their_expiry(
    authenticator: Authenticator, checks: Checks, clock: Clock, credentials: Bearer | Basic, text: str
) -> None:
    checks.expires_at = clock.now + 1
    await authenticator.principal(credentials)
    clock.now += 1
    await authenticator.principal(credentials)
    assert checks.asked == {text: 2}


async def test_refusals_are_not_remembered(authenticator: Authenticator, checks: Checks) -> None:
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await authenticator.principal(Bearer("soon"))
    checks.valid.add("soon")
    assert (await authenticator.principal(Bearer("soon"))).name == "of:soon"


async def test_a_user_is_not_taken_for_a_token_or_for_another_user(
    authenticator: Authenticator, checks: Checks
) -> None:
    checks.valid = {"a:b", "a\0b:", "a\0b"}
    assert (await authenticator.principal(Basic("a", "b"))).name == "of:a:b"
    with pytest.raises(Unauthenticated):
        await authenticator.principal(Bearer("a:c"))
    assert (await authenticator.principal(Bearer("a\0b"))).name == "of:a\0b"


async def test_no_more_than_ten_thousand_are_remembered(authenticator: Authenticator, checks: Checks) -> None:
    for number in range(10_001):
        checks.valid.add(f"jwt{number}")
        await authenticator.principal(Bearer(f"jwt{number}"))
    await authenticator.principal(Bearer("jwt10000"))
    await authenticator.principal(Bearer("jwt0"))
    assert (checks.asked["jwt10000"], checks.asked["jwt0"]) == (1, 2)


async def test_a_store_without_an_issuer_accepts_no_jwt(checks: Checks, clock: Clock) -> None:
    authenticator = Authenticator(None, checks, clock)
    with pytest.raises(Unauthenticated, match="accepts no JWTs"):
        await authenticator.principal(Bearer("jwt"))
    assert (await authenticator.principal(Bearer("tams_key"))).name == "of:tams_key"
