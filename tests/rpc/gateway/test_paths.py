import asyncio

import pytest
from tams.media.v1.storage_service_pb2 import StoredObjects

from gateway.clients.paths import path_signer
from gateway.clients.services import Services
from services.shared.errors import InvalidArgument, Unavailable
from tests.support.signing import Storage, signing


@pytest.fixture
async def storage():
    return Storage()


@pytest.fixture
async def sign(storage):
    async with signing(storage) as media:
        yield path_signer(Services(media, media, media))


def objects(*paths, storage_id="hot"):
    return StoredObjects(storage_id=storage_id, paths=paths)


async def signed(sign, *asked):
    return [(one.before, list(one.signatures)) for one in await sign(asked)]


async def test_pages_made_at_the_same_time_are_signed_together(sign, storage):
    pages = [[objects(f"a{page}"), objects(f"b{page}", storage_id="cold")] for page in range(5)]
    found = await asyncio.gather(*(signed(sign, *page) for page in pages))
    assert found == [[("https://hot/", [f"a{page}"]), ("https://cold/", [f"b{page}"])] for page in range(5)]
    assert len(storage.signed) == 2


async def test_no_more_than_media_takes_at_once(sign, storage):
    pages = [objects(*(f"{page}/{number}" for number in range(400))) for page in range(5)]
    found = await asyncio.gather(*(signed(sign, page) for page in pages))
    assert [paths for ((_, paths),) in found] == [list(page.paths) for page in pages]
    assert len(storage.signed) == 3


async def test_what_is_refused_is_refused_to_its_own_caller(sign):
    pages = [objects("first"), objects("fine"), objects(""), objects("too")]
    found = await asyncio.gather(*(signed(sign, page) for page in pages), return_exceptions=True)
    assert isinstance(found.pop(2), InvalidArgument)
    assert [paths for ((_, paths),) in found] == [["first"], ["fine"], ["too"]]


async def test_without_media_everybody_is_told(sign, storage):
    storage.away = True
    pages = [objects("a"), objects("b"), objects("c")]
    found = await asyncio.gather(*(signed(sign, page) for page in pages), return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in found)
