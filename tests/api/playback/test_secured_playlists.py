"""Playlists of a store with access control, with tokens in their URLs."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.services.gateway import a_flow, a_segment, running_gateway
from tests.support.services.secured import caller, running_secured_services
from tests.support.storage.seaweedfs import SeaweedFS


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def secured(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS
) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running_secured_services(tmp_path_factory.mktemp("secured"), seaweedfs) as settings,
        running_gateway(**settings) as client,
    ):
        yield client


async def stored(secured: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    flow = a_flow(**changes)
    headers = caller("admin", "admin")
    assert (await secured.put(f"/flows/{flow['id']}", json=flow, headers=headers)).status_code == 201
    if flow.get("container"):
        answer = await secured.post(f"/flows/{flow['id']}/segments", json=a_segment(0, 2), headers=headers)
        assert answer.status_code == 201, answer.text
    return flow


async def token_for(secured: httpx.AsyncClient, **asked: Any) -> str:
    made = await secured.post("/x/tokens", json=asked, headers=caller())
    return str(made.json()["access_token"])


async def test_a_token_opens_a_multivariant_playlist_and_those_that_it_names(
    secured: httpx.AsyncClient,
) -> None:
    flow = await stored(secured)
    token = await token_for(secured, flow_id=flow["id"])
    folder = f"/x/flows/{flow['id']}"
    answer = await secured.get(f"{folder}/multivariant.m3u8", params={"type": "live", "access_token": token})
    assert answer.headers["cache-control"] == "private, no-cache"
    child = answer.text.splitlines()[-1].removeprefix(f"../{flow['id']}")
    assert "#EXTINF" in (await secured.get(f"{folder}{child}")).text


async def test_playlists_are_refused_as_segments_are(secured: httpx.AsyncClient) -> None:
    flow, other = await stored(secured), await stored(secured)
    token = await token_for(secured, flow_id=other["id"])
    for name in ("playlist", "multivariant"):
        path = f"/x/flows/{flow['id']}/{name}.m3u8"
        assert (await secured.get(path)).status_code == 401
        assert (await secured.get(path, headers=caller("alice", "write"))).status_code == 403
        refused = await secured.get(path, params={"access_token": token})
        assert (refused.status_code, refused.json()["type"]) == (403, "OUTSIDE_TOKEN")
    source = f"/x/sources/{flow['source_id']}/multivariant.m3u8"
    assert (await secured.get(source, params={"access_token": token})).status_code == 403
