"""The rules of API keys."""

import asyncio
import hashlib
import re

import pytest

from services.metadata.application.accounts import api_keys as rules
from services.metadata.application.accounts.api_keys import ApiKeys
from services.shared.access.principal import Scope
from services.shared.errors import AlreadyExists, Exhausted, InvalidArgument, NotFound
from tests.contract.metadata.accounts.conftest import Clock
from tests.contract.metadata.conftest import Engine

READ = frozenset({Scope.READ})


def secret_of(text: str) -> str:
    return text.rpartition("_")[2]


async def test_a_created_key_is_listed_and_found(keys: ApiKeys, clock: Clock) -> None:
    created, text = await keys.create("ingest-1", READ, clock.ms + 1)
    assert re.fullmatch(rf"tams_{created.id}_[0-9a-f]{{64}}", text)
    assert (created.name, created.scopes, created.suspended) == ("ingest-1", READ, False)
    assert (created.created_ms, created.expires_ms, created.last_used_ms) == (clock.ms, clock.ms + 1, None)
    assert await keys.get(created.id) == created
    assert (await keys.page(0, "")).items == [created]


async def test_only_a_digest_of_the_secret_is_stored(keys: ApiKeys, engine: Engine) -> None:
    new = await keys.create("ingest-1", READ, None)
    (row,) = engine.rows("api_keys")
    assert row["secret_hash"] == hashlib.sha256(secret_of(new.text).encode()).digest()
    assert secret_of(new.text) not in str(row)
    assert secret_of(new.text) not in repr(new)


async def test_a_rotation_replaces_the_secret_alone(keys: ApiKeys) -> None:
    created, text = await keys.create("ingest-1", READ, None)
    rotated, new_text = await keys.rotate(created.id)
    assert new_text.startswith(f"tams_{created.id}_")
    assert new_text != text
    assert rotated.secret_hash != created.secret_hash
    assert (rotated.id, rotated.name, rotated.scopes) == (created.id, created.name, created.scopes)


async def test_a_key_is_suspended_and_activated(keys: ApiKeys) -> None:
    created, _ = await keys.create("ingest-1", READ, None)
    assert (await keys.suspend(created.id, suspended=True)).suspended
    assert (await keys.get(created.id)).suspended
    assert await keys.suspend(created.id, suspended=False) == created


@pytest.mark.parametrize("key_id", ["", "0123456789abcdef", "0123456789ABCDEF", "x\0"])
async def test_an_unknown_key_is_not_found(keys: ApiKeys, key_id: str) -> None:
    attempts = (
        keys.get(key_id),
        keys.rotate(key_id),
        keys.suspend(key_id, suspended=True),
        keys.delete(key_id),
    )
    for attempt in attempts:
        with pytest.raises(NotFound) as unknown:
            await attempt
        assert unknown.value.reason == "KEY_NOT_FOUND"


async def test_the_name_of_a_removed_key_can_be_used_again(keys: ApiKeys) -> None:
    first, _ = await keys.create("ingest-1", READ, None)
    await keys.delete(first.id)
    assert (await keys.page(0, "")).items == []
    second, _ = await keys.create("ingest-1", READ, None)
    assert second.id != first.id


async def test_one_of_two_keys_of_the_same_name_is_refused(keys: ApiKeys) -> None:
    results = await asyncio.gather(
        *(keys.create("ingest-1", READ, None) for _ in range(2)), return_exceptions=True
    )
    (refused,) = (result for result in results if isinstance(result, AlreadyExists))
    assert refused.reason == "KEY_EXISTS"
    assert len((await keys.page(0, "")).items) == 1


@pytest.mark.parametrize(
    ("name", "seconds", "path"),
    [
        *((name, None, "$.name") for name in ("", "a b", "-a", "a" * 65, "a\n", "ä")),
        *(("a", seconds, "$.expires") for seconds in (-1.0, 0.0, 1e12)),
    ],
)
async def test_a_bad_name_or_time_of_expiry_is_refused(
    keys: ApiKeys, clock: Clock, name: str, seconds: float | None, path: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await keys.create(name, READ, None if seconds is None else clock.ms + int(seconds * 1000))
    assert (refused.value.reason, refused.value.metadata["path"]) == ("BAD_KEY", path)


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({Scope.SERVICE})])
async def test_scopes_that_nobody_can_have_are_refused(keys: ApiKeys, scopes: frozenset[Scope]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await keys.create("ingest-1", scopes, None)
    assert refused.value.reason == "BAD_SCOPES"


async def test_classes_are_all_unless_given_and_outlive_a_rotation(keys: ApiKeys) -> None:
    everything, _ = await keys.create("first", READ, None)
    narrow, _ = await keys.create("second", READ, None, ["sport", "news"])
    assert (everything.classes, narrow.classes) == (None, frozenset({"news", "sport"}))
    rotated, _ = await keys.rotate(narrow.id)
    assert rotated.principal.classes == frozenset({"news", "sport"})


@pytest.mark.parametrize("classes", [["a b"], ["a"] * 33])
async def test_bad_classes_are_refused(keys: ApiKeys, classes: list[str]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await keys.create("ingest-1", READ, None, classes)
    assert refused.value.reason == "BAD_CLASSES"
    assert (await keys.page(0, "")).items == []


async def test_the_number_of_keys_is_limited(keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_KEYS", 1)
    await keys.create("first", READ, None)
    with pytest.raises(Exhausted) as refused:
        await keys.create("second", READ, None)
    assert refused.value.reason == "TOO_MANY_KEYS"
