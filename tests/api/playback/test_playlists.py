"""HLS playlists over HTTP."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import MakeFlow, put
from tests.support.services.gateway import a_flow, a_segment, new_id

CONTENT_TYPE = "application/vnd.apple.mpegurl"


async def post(
    tams: httpx.AsyncClient, flow: dict[str, Any], *spans: tuple[int, int], **members: Any
) -> None:
    segments = [a_segment(*span, **members) for span in spans]
    response = await tams.post(f"/flows/{flow['id']}/segments", json=segments)
    assert response.status_code == 201, response.text


async def lines(tams: httpx.AsyncClient, url: str) -> list[str]:
    response = await tams.get(url)
    assert (response.status_code, response.headers["content-type"]) == (200, CONTENT_TYPE), response.text
    return response.text.splitlines()


def tag(lines: list[str], name: str) -> str | None:
    """The value of the first tag of a name."""
    return next((line.partition(":")[2] for line in lines if line.startswith(f"#{name}:")), None)


def playlist(flow: dict[str, Any]) -> str:
    return f"/x/flows/{flow['id']}/playlist.m3u8"


async def test_a_playlist_lists_the_segments_of_a_range(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    await post(tams, flow, (0, 2), (2, 4), (6, 9), (9, 10))
    whole = await lines(tams, playlist(flow))
    assert whole[:5] == [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        "#EXT-X-TARGETDURATION:3",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-MEDIA-SEQUENCE:0",
    ]
    assert [line for line in whole if line.startswith(("#EXTINF", "#EXT-X-D", "#EXT-X-E"))] == [
        "#EXTINF:2.000000000,",
        "#EXTINF:2.000000000,",
        "#EXT-X-DISCONTINUITY",
        "#EXTINF:3.000000000,",
        "#EXTINF:1.000000000,",
        "#EXT-X-ENDLIST",
    ]
    part = await lines(tams, f"{playlist(flow)}?timerange=[3:0_9:0)")
    assert [line for line in part if line.startswith("#EXTINF")] == [
        "#EXTINF:2.000000000,",
        "#EXTINF:3.000000000,",
    ]


async def test_urls_are_signed_and_stay_the_same(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    storage = (await tams.post(f"/flows/{flow['id']}/storage", json={"limit": 1})).json()
    own = {"object_id": storage["media_objects"][0]["object_id"], "timerange": "[0:0_2:0)"}
    copy = [{"url": "https://elsewhere.example/copy", "label": "copy"}]
    await tams.post(f"/flows/{flow['id']}/segments", json=own | {"get_urls": copy})
    (signed,) = [line for line in await lines(tams, playlist(flow)) if not line.startswith("#")]
    assert "X-Amz-Signature=" in signed
    assert signed in await lines(tams, playlist(flow))
    assert f"{copy[0]['url']}#.ts" in await lines(tams, f"{playlist(flow)}?accept_get_urls=copy")
    none = await tams.get(f"{playlist(flow)}?accept_get_urls=")
    assert (none.status_code, none.json()["type"]) == (404, "NO_SEGMENTS")


async def test_an_event_grows_until_the_flow_is_closed(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    await post(tams, flow, (0, 2), (2, 4))
    event = f"{playlist(flow)}?type=event&timerange=[2:0_"
    first = await lines(tams, event)
    assert (tag(first, "EXT-X-PLAYLIST-TYPE"), tag(first, "EXT-X-MEDIA-SEQUENCE")) == ("EVENT", "0")
    assert "#EXT-X-ENDLIST" not in first
    bounded = await lines(tams, f"{playlist(flow)}?type=event&timerange=[2:0_4:0)")
    assert bounded[-1] == "#EXT-X-ENDLIST"


async def test_a_closed_flow_ends_its_live_playlist(tams: httpx.AsyncClient, make_flow: MakeFlow) -> None:
    flow = await make_flow(tags={"flow_status": "closed_complete"})
    await post(tams, flow, (0, 2))
    (child,) = [line for line in await lines(tams, f"{playlist(flow)}?type=live") if not line.startswith("#")]
    assert (await lines(tams, f"/x/flows/{flow['id']}/{child}"))[-1] == "#EXT-X-ENDLIST"


async def test_a_live_window_moves_and_keeps_its_numbers(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    """Each read is of a window of another size, or it would be that of a second ago."""
    flow = await make_flow(segment_duration={"numerator": 2})
    await post(tams, flow, (0, 2), (2, 4), (4, 6), (6, 8))
    head = await lines(tams, f"{playlist(flow)}?type=live&segments=3")
    assert tag(head, "EXT-X-STREAM-INF") is not None
    live = f"{playlist(flow)}?type=live&since=0:0&target=2"
    first = await lines(tams, f"{live}&segments=3")
    assert (tag(first, "EXT-X-MEDIA-SEQUENCE"), tag(first, "EXT-X-TARGETDURATION")) == ("1", "2")
    assert "#EXT-X-ENDLIST" not in first
    assert tag(first, "EXT-X-PLAYLIST-TYPE") is None
    await post(tams, flow, (10, 12))
    moved = await lines(tams, f"{live}&segments=4")
    assert (tag(moved, "EXT-X-MEDIA-SEQUENCE"), moved.count("#EXT-X-DISCONTINUITY")) == ("1", 1)
    await post(tams, flow, *((start, start + 2) for start in range(12, 22, 2)))
    later = await lines(tams, f"{live}&segments=5")
    assert (tag(later, "EXT-X-MEDIA-SEQUENCE"), tag(later, "EXT-X-DISCONTINUITY-SEQUENCE")) == ("5", "1")


async def test_a_live_playlist_whose_beginning_is_gone_has_expired(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    await post(tams, flow, (0, 2), (2, 4))
    live = f"{playlist(flow)}?type=live&since=0:0"
    await lines(tams, live)
    await tams.delete(f"/flows/{flow['id']}/segments?timerange=[0:0_2:0)")
    gone = await tams.get(f"{live}&segments=7")
    assert (gone.status_code, gone.json()["type"]) == (404, "PLAYLIST_EXPIRED")


async def a_multi(tams: httpx.AsyncClient) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A multi flow, and the video and audio that it collects beside data."""
    video = await put(tams, a_flow())
    audio = await put(
        tams,
        a_flow(
            format="urn:x-nmos:format:audio",
            codec="audio/aac",
            label="main",
            essence_parameters={"sample_rate": 48000, "channels": 2},
        ),
    )
    data = await put(
        tams,
        a_flow(
            format="urn:x-nmos:format:data", codec="application/json", essence_parameters={"data_type": "x"}
        ),
    )
    members = [{"id": flow["id"], "role": "any"} for flow in (video, audio, data)]
    multi = a_flow(
        format="urn:x-nmos:format:multi",
        codec=None,
        container=None,
        essence_parameters=None,
        flow_collection=members,
    )
    return await put(tams, multi), video, audio


async def test_a_multi_flow_and_its_source_name_the_playlists_of_its_flows(tams: httpx.AsyncClient) -> None:
    multi, video, audio = await a_multi(tams)
    for flow in (video, audio):
        await post(tams, flow, (0, 2), (2, 4))
    query = "timerange=[0:0_4:0)&access_token=a%2Bb"
    addresses = [
        f"/x/flows/{multi['id']}/multivariant.m3u8",
        f"/x/sources/{multi['source_id']}/multivariant.m3u8",
    ]
    for address in addresses:
        found = await lines(tams, f"{address}?{query}")
        (child,) = [line for line in found if not line.startswith("#")]
        assert child.endswith(f"{video['id']}/playlist.m3u8?timerange=%5B0%3A0_4%3A0%29&access_token=a%2Bb")
        assert f"{audio['id']}/playlist.m3u8" in (tag(found, "EXT-X-MEDIA") or "")
        target = str(httpx.URL(f"http://host{address}").join(child)).removeprefix("http://host")
        assert (await lines(tams, target))[-1] == "#EXT-X-ENDLIST"
    live = await lines(tams, f"{addresses[0]}?type=live")
    assert live[-1].endswith("playlist.m3u8?type=live&since=0%3A0&target=2")


async def test_renditions_of_a_source_are_variants(tams: httpx.AsyncClient, make_flow: MakeFlow) -> None:
    high = await make_flow()
    low = await make_flow(
        source_id=high["source_id"], essence_parameters={"frame_width": 640, "frame_height": 360}
    )
    await make_flow(source_id=high["source_id"], tags={"hls_exclude": "true"})
    found = await lines(tams, f"/x/sources/{high['source_id']}/multivariant.m3u8")
    children = [line for line in found if not line.startswith("#")]
    assert sorted(children) == sorted(f"../../flows/{flow['id']}/playlist.m3u8" for flow in (high, low))


@pytest.mark.parametrize(
    "query",
    [
        "timerange=x",
        "type=x",
        "type=live&timerange=[0:0_1:0)",
        "segments=2",
        "segments=61",
        "type=live&since=x",
    ],
)
async def test_a_wrong_query_is_refused(tams: httpx.AsyncClient, flow: dict[str, Any], query: str) -> None:
    for name in ("playlist", "multivariant"):
        response = await tams.get(f"/x/flows/{flow['id']}/{name}.m3u8?{query}")
        assert response.status_code == 400, response.text


@pytest.mark.parametrize(
    "changes",
    [
        {"container": "application/mxf"},
        {"container": None},
        {"format": "urn:x-nmos:format:data", "codec": "text/plain", "essence_parameters": {"data_type": "x"}},
    ],
)
async def test_what_players_cannot_play_is_refused(
    tams: httpx.AsyncClient, make_flow: MakeFlow, changes: dict[str, Any]
) -> None:
    flow = await make_flow(**changes)
    paths = [f"/x/flows/{flow['id']}/{name}.m3u8" for name in ("playlist", "multivariant")]
    for path in (*paths, f"/x/sources/{flow['source_id']}/multivariant.m3u8"):
        response = await tams.get(path)
        assert (response.status_code, response.json()["type"]) == (400, "NOT_PLAYABLE"), response.text


async def test_what_does_not_exist_is_not_found(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    unknown = new_id()
    paths = [f"/x/flows/{unknown}/playlist.m3u8", f"/x/flows/{unknown}/multivariant.m3u8"]
    for path in (
        *paths,
        f"/x/sources/{unknown}/multivariant.m3u8",
        playlist(flow),
        f"{playlist(flow)}?type=live",
    ):
        assert (await tams.get(path)).status_code == 404
