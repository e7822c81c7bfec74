"""HLS playlists, an extension."""

from typing import Any

from tests.conformance.reaching import Client, reaches
from tests.support.services.gateway import a_segment, new_id


@reaches("GET /x/flows/{flowId}/playlist.m3u8", 200, 400, 404)
@reaches("GET /x/flows/{flowId}/multivariant.m3u8", 200, 400, 404)
@reaches("GET /x/sources/{sourceId}/multivariant.m3u8", 200, 400, 404)
async def test_playlists_are_made_of_flows_and_sources(tams: Client, flow: dict[str, Any]) -> None:
    await tams.post(f"/flows/{flow['id']}/segments", json=[a_segment(0, 2), a_segment(2, 4)])
    flow_id, source_id = flow["id"], flow["source_id"]
    for folder, known in (("flows", flow_id), ("sources", source_id)):
        path = f"/x/{folder}/{known}/multivariant.m3u8"
        assert "playlist.m3u8" in (await tams.get(path)).text
        assert (await tams.get(f"{path}?type=x")).status_code == 400
        assert (await tams.get(f"/x/{folder}/{new_id()}/multivariant.m3u8")).status_code == 404
    path = f"/x/flows/{flow_id}/playlist.m3u8"
    assert (await tams.get(path)).text.endswith("#EXT-X-ENDLIST\n")
    assert (await tams.get(f"{path}?type=x")).status_code == 400
    assert (await tams.get(f"/x/flows/{new_id()}/playlist.m3u8")).status_code == 404
