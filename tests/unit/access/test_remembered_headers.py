"""Headers that are looked up before they are parsed, and tokens of the store itself."""

from collections import Counter

import pytest

from services.access.authenticator import REMEMBERED_SECONDS, Authenticator
from services.access.credentials import Bearer
from services.access.ports import Checked
from services.shared.access.principal import Limit, Principal, Scope
from services.shared.access.url_tokens import UrlTokens
from services.shared.errors import Unauthenticated
from tests.support.clock import Clock

ALICE = Principal("user:alice", frozenset({Scope.READ}))
LIMITED = ALICE._replace(limit=Limit(frozenset({"GET"})))
SECRET = b"a secret of thirty-two bytes or more"


class Accounts:
    """Accepts the key `tams_a` and the password `a` of alice, and counts the checks."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def check_password(self, user: str, password: str) -> Checked:
        return self._check(f"{user}:{password}", "alice:a")

    async def check_key(self, key: str) -> Checked:
        return self._check(key, "tams_a")

    def _check(self, text: str, valid: str) -> Checked:
        self.asked[text] += 1
        if text != valid:
            raise Unauthenticated("not valid")
        return Checked(ALICE, 1e9)


@pytest.fixture
def accounts() -> Accounts:
    return Accounts()


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def authenticator(accounts: Accounts, clock: Clock) -> Authenticator:
    return Authenticator(None, accounts, clock, UrlTokens(SECRET, clock))


@pytest.mark.parametrize("header", ["Bearer tams_a", "bearer  tams_a ", "Basic YWxpY2U6YQ=="])
async def test_a_header_is_checked_once_in_ten_seconds(
    authenticator: Authenticator, accounts: Accounts, clock: Clock, header: str
) -> None:
    assert authenticator.remembered(header) is None
    for _ in range(3):
        assert await authenticator.principal_of_header(header) == ALICE
        assert authenticator.remembered(header) == ALICE
    assert accounts.asked.total() == 1
    clock.now += REMEMBERED_SECONDS
    assert authenticator.remembered(header) is None
    assert await authenticator.principal_of_header(header) == ALICE
    assert accounts.asked.total() == 2


@pytest.mark.parametrize("header", ["Bearer tams_b", "Basic YWxpY2U6Yg==", "Digest x", "", "tams_a"])
async def test_a_header_that_was_refused_is_not_remembered(authenticator: Authenticator, header: str) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.principal_of_header(header)
    assert authenticator.remembered(header) is None


async def test_the_text_of_credentials_is_no_header(authenticator: Authenticator) -> None:
    await authenticator.principal(Bearer("tams_a"))
    for text in ("tams_a", "Bearer tams_a", "Bearertams_a"):
        assert authenticator.remembered(text) is None


async def test_a_token_of_the_store_names_its_caller_until_it_expires(
    authenticator: Authenticator, accounts: Accounts, clock: Clock
) -> None:
    token = UrlTokens(SECRET, clock).make(LIMITED, 5).text
    assert await authenticator.principal(Bearer(token)) == LIMITED
    assert await authenticator.principal_of_header(f"Bearer {token}") == LIMITED
    clock.now += 5
    assert authenticator.remembered(f"Bearer {token}") is None
    with pytest.raises(Unauthenticated, match="expired"):
        await authenticator.principal(Bearer(token))
    assert accounts.asked.total() == 0


async def test_a_token_signed_with_another_secret_is_refused(
    authenticator: Authenticator, clock: Clock
) -> None:
    token = UrlTokens(SECRET[::-1], clock).make(LIMITED, 5).text
    with pytest.raises(Unauthenticated, match="signature"):
        await authenticator.principal(Bearer(token))
