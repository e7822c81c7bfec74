"""Which credentials replace those in use."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from services.media.application.credential_renewal import CredentialRenewal
from services.media.domain.credentials import Credentials, CredentialsInUse
from services.shared.errors import Unavailable
from services.shared.process.background import background
from tests.support.processes.polling import until
from tests.support.storage.backends import NOON, PreparedStorage, a_backend

OLD, HALF, NEW = (Credentials(*pair) for pair in (("old", "old"), ("new", "old"), ("new", "new")))


class Source:
    """Gives the same credentials until others are set; `looks` counts."""

    look_seconds = 0.001

    def __init__(self) -> None:
        self.found: Credentials | None = OLD
        self.looks = 0

    def look(self) -> Credentials:
        self.looks += 1
        if self.found is None:
            raise Unavailable("cannot read the key")
        return self.found


class Storage(PreparedStorage):
    """A storage that knows some credentials; `asked` has those that it was asked about."""

    def __init__(self, *known: Credentials) -> None:
        self.known = list(known)
        self.asked: list[Credentials] = []

    async def accepts(self, credentials: Credentials) -> bool:
        self.asked.append(credentials)
        return credentials in self.known


def renewal_of(in_use: CredentialsInUse, storage: Storage) -> CredentialRenewal:
    return CredentialRenewal(replace(a_backend(), credentials=in_use), storage, lambda: NOON)


async def test_credentials_are_used_once_the_storage_accepts_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source, storage = Source(), Storage(OLD)
    in_use = CredentialsInUse(OLD, source)
    renewal = renewal_of(in_use, storage)
    async with background(renewal.run()):
        source.found = HALF
        await until(lambda: HALF in storage.asked)
        await until(lambda: renewal.is_refused)
        assert in_use.current == OLD
        source.found = NEW
        await until(lambda: NEW in storage.asked)
        assert in_use.current == OLD
        storage.known = [OLD, NEW]
        await until(lambda: in_use.current == NEW)
        await until(lambda: not renewal.is_refused)
    assert [record.getMessage() for record in caplog.records] == [
        "cannot renew the credentials of storage local",
        "the credentials of a storage were renewed",
        "can renew the credentials of storage local again",
    ]
    assert "old" not in caplog.records[0].__dict__["reason"].replace("the old ones stay", "")


async def test_what_cannot_be_read_changes_nothing() -> None:
    source, storage = Source(), Storage(OLD)
    in_use = CredentialsInUse(OLD, source)
    renewal = renewal_of(in_use, storage)
    async with background(renewal.run()):
        source.found = None
        await until(lambda: renewal.is_refused)
        source.found = OLD
        await until(lambda: not renewal.is_refused)
    assert (in_use.current, storage.asked) == (OLD, [])


async def test_expired_credentials_are_replaced_by_whatever_is_there() -> None:
    source, storage = Source(), Storage()
    in_use = CredentialsInUse(Credentials("old", "old", "t", NOON - timedelta(seconds=1)), source)
    renewal = renewal_of(in_use, storage)
    async with background(renewal.run()):
        source.found = NEW
        await until(lambda: in_use.current == NEW)
    assert renewal.seconds_left == float("inf")
