import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.access.jwt.fetch import http_fetch
from services.access.jwt.keys import DISCOVERY, PAUSE_SECONDS, REFRESH_SECONDS, Keys, Source
from services.shared.errors import StartupError, Unavailable
from tests.support.access.documents_server import Documents
from tests.support.access.issuer import SigningKey, jwks, new_key
from tests.support.clock import Clock
from tests.support.processes.polling import until

FIRST, SECOND = new_key("first"), new_key("second")


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@asynccontextmanager
async def keys_of(source: Source, clock: Clock) -> AsyncIterator[Keys]:
    keys = Keys(source, http_fetch(""), clock)
    try:
        yield keys
    finally:
        await keys.close()


@asynccontextmanager
async def published(documents: Documents, clock: Clock, *signing: SigningKey) -> AsyncIterator[Keys]:
    """The keys of a JWKS at a URL."""
    documents.bodies["/keys"] = jwks(*signing)
    async with keys_of(Source(url=f"{documents.url}/keys"), clock) as keys:
        yield keys


async def has(keys: Keys, *ids: str) -> list[bool]:
    return [await keys.find(key_id) is not None for key_id in ids]


async def test_keys_are_read_once_and_found_by_their_id(documents: Documents, clock: Clock) -> None:
    async with published(documents, clock, FIRST, SECOND) as keys:
        assert await asyncio.gather(*(has(keys, "first", "second") for _ in range(20))) == [[True, True]] * 20
        assert documents.reads["/keys"] == 1
        clock.now += REFRESH_SECONDS
        assert await has(keys, "first") == [True]
        assert documents.reads["/keys"] == 1


async def test_an_unknown_id_reads_the_keys_again_but_not_all_the_time(
    documents: Documents, clock: Clock
) -> None:
    async with published(documents, clock, FIRST) as keys:
        assert await has(keys, "first", "second", "third") == [True, False, False]
        documents.bodies["/keys"] = jwks(FIRST, SECOND)
        clock.now += PAUSE_SECONDS
        assert await has(keys, "second") == [False]
        clock.now += 0.1
        assert (
            await asyncio.gather(*(has(keys, "second", "third") for _ in range(20))) == [[True, False]] * 20
        )
        assert documents.reads["/keys"] == 2


async def test_strangers_cause_one_read_in_each_pause(documents: Documents, clock: Clock) -> None:
    async with published(documents, clock, FIRST) as keys:
        for number in range(50):
            clock.now += 1
            await has(keys, f"guess {number}")
        assert documents.reads["/keys"] <= 1 + 50 / PAUSE_SECONDS


async def test_known_keys_are_read_again_in_the_background(documents: Documents, clock: Clock) -> None:
    async with published(documents, clock, FIRST) as keys:
        assert await has(keys, "first") == [True]
        documents.bodies["/keys"] = jwks(SECOND)
        documents.open.clear()
        clock.now += REFRESH_SECONDS + 1
        # The issuer does not answer, and nobody waits for it.
        assert await has(keys, "first") == [True]
        documents.open.set()

        async def removed() -> bool:
            return await has(keys, "first", "second") == [False, True]

        await until(removed)
        assert documents.reads["/keys"] == 2


async def test_a_key_that_was_removed_is_refused_after_a_long_silence(
    documents: Documents, clock: Clock
) -> None:
    async with published(documents, clock, FIRST) as keys:
        assert await has(keys, "first") == [True]
        documents.bodies["/keys"] = jwks(SECOND)
        clock.now += 2 * REFRESH_SECONDS + 1
        assert await has(keys, "first") == [False]


async def test_known_keys_serve_while_the_issuer_is_unreachable(documents: Documents, clock: Clock) -> None:
    async with published(documents, clock, FIRST) as keys:
        assert await has(keys, "first") == [True]
        for fault in (b"", b"<html>", b'{"keys":5}'):
            documents.bodies["/keys"] = fault
            clock.now += 2 * REFRESH_SECONDS + 1
            assert await has(keys, "first", "second") == [True, False]


async def test_without_any_keys_the_issuer_is_unavailable(documents: Documents, clock: Clock) -> None:
    """That is no fault of the caller, also for those who ask between two reads."""
    async with keys_of(Source(url=f"{documents.url}/keys"), clock) as keys:
        for _ in range(2):
            results = await asyncio.gather(*(has(keys, "first") for _ in range(5)), return_exceptions=True)
            assert [getattr(result, "reason", "") for result in results] == ["ISSUER_UNAVAILABLE"] * 5
            clock.now += 1
        assert documents.reads["/keys"] == 1
        documents.bodies["/keys"] = jwks(FIRST)
        clock.now += PAUSE_SECONDS
        assert await has(keys, "first") == [True]


async def test_a_caller_who_leaves_does_not_end_the_read_of_the_others(
    documents: Documents, clock: Clock
) -> None:
    async with published(documents, clock, FIRST) as keys:
        documents.open.clear()
        leaving = asyncio.create_task(keys.find("first"))
        staying = asyncio.create_task(keys.find("first"))
        await until(lambda: documents.reads["/keys"])
        leaving.cancel()
        documents.open.set()
        assert await staying is not None
        assert documents.reads["/keys"] == 1


async def test_a_token_without_an_id_means_the_only_key(documents: Documents, clock: Clock) -> None:
    async with published(documents, clock, FIRST) as keys:
        assert await keys.find(None) is await keys.find("first") is not None
        documents.bodies["/keys"] = jwks(FIRST, SECOND)
        clock.now += 2 * REFRESH_SECONDS + 1
        assert await keys.find(None) is None


async def test_a_key_that_does_not_fit_is_read_again(documents: Documents, clock: Clock) -> None:
    async with published(documents, clock, FIRST) as keys:
        refused = await keys.find("first")
        assert await keys.find("first", refused) is None
        documents.bodies["/keys"] = jwks(new_key("first"))
        assert await keys.find("first", refused) is None
        clock.now += PAUSE_SECONDS + 1
        replaced = await keys.find("first", refused)
        assert replaced is not None
        assert replaced is await keys.find("first") is not refused
        assert documents.reads["/keys"] == 2


async def test_an_empty_list_takes_all_keys_back(documents: Documents, clock: Clock) -> None:
    async with published(documents, clock, FIRST) as keys:
        assert await has(keys, "first") == [True]
        documents.bodies["/keys"] = jwks()
        clock.now += PAUSE_SECONDS + 1
        assert await has(keys, "second", "first") == [False, False]


async def test_keys_are_discovered(documents: Documents, clock: Clock) -> None:
    documents.bodies["/realm" + DISCOVERY] = json.dumps(
        {"issuer": f"{documents.url}/realm", "jwks_uri": f"{documents.url}/certs"}
    ).encode()
    documents.bodies["/certs"] = jwks(FIRST)
    async with keys_of(Source.of("", f"{documents.url}/realm/"), clock) as keys:
        assert await has(keys, "first") == [True]


async def test_keys_of_another_issuer_are_not_read(documents: Documents, clock: Clock) -> None:
    documents.bodies[DISCOVERY] = json.dumps(
        {"issuer": "https://another.example", "jwks_uri": f"{documents.url}/certs"}
    ).encode()
    async with keys_of(Source.of("", documents.url), clock) as keys:
        with pytest.raises(Unavailable):
            await keys.find("first")
    assert "/certs" not in documents.reads


async def test_a_file_is_read_again(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(FIRST))
    async with keys_of(Source.of(str(path), "any-name"), clock) as keys:
        keys.check_file()
        assert await has(keys, "first", "second") == [True, False]
        path.write_bytes(jwks(SECOND))
        clock.now += PAUSE_SECONDS + 1
        assert await has(keys, "second", "first") == [True, False]
        path.unlink()
        clock.now += REFRESH_SECONDS * 3
        assert await has(keys, "second") == [True]


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
async def test_a_bad_file_stops_the_start(tmp_path: Path, clock: Clock, content: bytes | None) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_bytes(content)
    async with keys_of(Source.of(str(path), "any-name"), clock) as keys:
        with pytest.raises(StartupError, match="TAMS_AUTH_JWKS"):
            keys.check_file()


def test_the_settings_name_the_place() -> None:
    issuer = "https://a.example/realm"
    assert Source.of("", issuer) == Source(issuer=issuer)
    assert Source.of("https://a.example/keys", issuer) == Source(url="https://a.example/keys")
    assert Source.of("keys.json", issuer) == Source(file="keys.json")
    with pytest.raises(StartupError, match="TAMS_AUTH_JWKS"):
        Source.of("", "tams-local")
