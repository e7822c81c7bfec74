"""Invalid bodies, queries, paths and bytes."""

from typing import Final

BODIES: Final = (
    b"", b"{", b"[]", b"null", b"0", b'"x"', b"[" * 2000, b"\xff\xfe{}", b'{"a":' * 500, b'{"id": NaN}',
    b'{"id":"\\ud800"}', b"\x00", b'[{"object_id":1}]', b"9" * 5000, b'{"a":1,"a":2}',
    b"[" + b"{}," * 5000 + b"{}]",
)  # fmt: skip
TYPES: Final = ("application/json", "text/plain", "x", "application/json; charset=utf-16")
QUERIES: Final = (
    "limit=0", "limit=-1", "limit=x", "limit=99999999999999999999", "limit=1&limit=2",
    "page=x", "page=%00", "timerange=x", "timerange=[0:0_", "timerange=[1:0_0:0]",
    "timerange=" + "9" * 400 + ":0", "timerange=%5B0:0_0:0%29", "reverse_order=maybe", "tag.=x",
    "tag_exists.a=x", "format=x", "codec=x", "source_id=x", "%ff=%ff", "&&&=&", "accept_storage_ids=x",
    "presigned=x", "a=1&" * 300, "frame_width=-1", "include_timerange=2",
)  # fmt: skip
# {} stands for an unknown id.
PATHS: Final = (
    "/flows/x", "/flows/{}/x", "/flows/{}%2Fsegments", "/flows//segments", "/sources/{}/tags/", "/objects/",
    "/objects/%00", "/objects/..%2F..%2Fx", "/flow-delete-requests/x", "/x", "/x/flows",
    "/x/admin/tables/nope/columns/x", "/flows/{}/tags/%ff", "/flows/{}/segments/x", "/flows/{}/storage",
    "/x/analytics/flows/x/coverage",
)  # fmt: skip
RAW: Final = (
    b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n\r\n",
    b"GET /flows HTTP/9.9\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"BREW /service HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /flows HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /service HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"PUT /flows/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nshort",
    b"GET /flows HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nBad Header : y\r\n\r\n",
)  # fmt: skip


def is_valid(path: str, body: bytes) -> bool:
    """Whether a body is valid for a path."""
    if body[:1] == b"[":
        return path.endswith("/batch") or (body == b"[]" and path.endswith(("/segments", "/flow_collection")))
    if body == b'"x"':
        return path.endswith(("/label", "/tags/x"))
    return body == b"0" and path.endswith("bit_rate")
