from typing import Any

import msgspec

from gateway.playback.segments import PlayableSegment, playable_segments
from services.shared.timerange import NS


def document(*urls: dict[str, Any]) -> dict[str, Any]:
    return {"object_id": "a", "timerange": "[0:0_2:0)", "ts_offset": "-1:0", "get_urls": list(urls)}


def test_a_signed_url_goes_before_others_and_a_segment_may_have_none() -> None:
    signed: dict[str, Any] = {"url": "https://storage.example/signed", "presigned": True}
    copy: dict[str, Any] = {"url": "https://elsewhere.example/copy"}
    elsewhere: dict[str, Any] = {"url": "s3://bucket/key"}
    documents = [document(elsewhere, copy, signed), document(copy), document(elsewhere), document()]
    found = playable_segments(msgspec.json.encode(documents))
    urls = [str(signed["url"]), str(copy["url"]), "", ""]
    assert found == [PlayableSegment(0, 2 * NS, -NS, url) for url in urls]
