"""HLS playlists of objects in fragmented MP4, over HTTP."""

from typing import Any

import httpx

from tests.api.conftest import MakeFlow
from tests.api.playback.test_playlists import lines, playlist, tag
from tests.support.playback.boxes import box, section, track
from tests.support.services.gateway import a_segment

MEDIA = box(b"moof", b"a") + box(b"mdat", b"media")


async def record(tams: httpx.AsyncClient, flow: dict[str, Any], *contents: bytes | None) -> None:
    """Register a segment of two seconds for each content, which is stored unless it is None."""
    listed = (await tams.get(f"/flows/{flow['id']}/segments")).json()
    storage = (await tams.post(f"/flows/{flow['id']}/storage", json={"limit": len(contents)})).json()
    async with httpx.AsyncClient(trust_env=False) as http:
        for start, (place, content) in enumerate(
            zip(storage["media_objects"], contents, strict=True), start=len(listed)
        ):
            if content is not None:
                put = place["put_url"]
                headers = {"content-type": put["content-type"], **put.get("headers", {})}
                (await http.put(put["url"], content=content, headers=headers)).raise_for_status()
            timerange = f"[{2 * start}:0_{2 * start + 2}:0)"
            segment = {"object_id": place["object_id"], "timerange": timerange}
            posted = await tams.post(f"/flows/{flow['id']}/segments", json=segment)
            assert posted.status_code == 201, posted.text


def of_bytes(listed: list[str]) -> list[str]:
    """The tags about the bytes of objects, with the lengths alone."""
    found = [line for line in listed if line.startswith(("#EXT-X-MAP", "#EXT-X-BYTERANGE", "#EXT-X-DISC"))]
    return [line.partition('BYTERANGE="')[2] or line for line in found]


async def test_sections_are_maps_and_media_is_what_follows(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    flow = await make_flow(container="video/mp4")
    one, other = section(), section(track(samples=b"avc3 other"))
    await record(tams, flow, one + MEDIA, one + MEDIA, None, other + MEDIA)
    listed = await lines(tams, playlist(flow))
    assert tag(listed, "EXT-X-VERSION") == "6"
    media = f"#EXT-X-BYTERANGE:{len(MEDIA)}"
    # The object that is not stored yet is left out, and leaves a gap.
    expected = [f'{len(one)}@0"', *[f"{media}@{len(one)}"] * 2]
    assert of_bytes(listed) == [
        *expected,
        "#EXT-X-DISCONTINUITY",
        f'{len(other)}@0"',
        f"{media}@{len(other)}",
    ]


async def test_a_live_window_of_fragmented_objects_moves(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    flow = await make_flow(container="video/mp4")
    await record(tams, flow, *[section() + MEDIA] * 3)
    live = f"{playlist(flow)}?type=live&since=0:0&target=2"
    assert tag(await lines(tams, f"{live}&segments=3"), "EXT-X-MEDIA-SEQUENCE") == "0"
    await record(tams, flow, section(date=7) + MEDIA, section(track(timescale=1)) + MEDIA)
    moved = await lines(tams, f"{live}&segments=4")
    assert tag(moved, "EXT-X-MEDIA-SEQUENCE") == "1"
    assert [line.partition(":")[0] for line in of_bytes(moved)].count("#EXT-X-DISCONTINUITY") == 1
    assert sum(line.startswith("#EXT-X-MAP") for line in moved) == 3


async def test_objects_of_another_form_or_place_are_not_playable(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    flow = await make_flow(container="video/mp4")
    await record(tams, flow, section() + MEDIA, box(b"ftyp", b"isom") + box(b"mdat", b"media"))
    refused = await tams.get(playlist(flow))
    assert (refused.status_code, refused.json()["type"]) == (400, "NOT_PLAYABLE")
    assert "segment at 2:0 is not fragmented MP4" in refused.json()["summary"]
    elsewhere = await make_flow(container="video/mp4")
    segment = a_segment(0, 2, get_urls=[{"url": "https://elsewhere.example/copy", "label": "copy"}])
    assert (await tams.post(f"/flows/{elsewhere['id']}/segments", json=segment)).status_code == 201
    refused = await tams.get(playlist(elsewhere))
    assert (refused.status_code, refused.json()["type"]) == (400, "NOT_PLAYABLE")
