import json
from types import SimpleNamespace

from tams.media.v1.storage_backend_pb2 import StorageBackend
from tams.media.v1.storage_service_pb2 import SignUrlsResponse
from tams.metadata.v1.segment_pb2 import ExternalUrl, Segment

from gateway.handlers.get_urls import GetUrls
from services.shared.get_urls import UrlFilter

BACKENDS = [StorageBackend(id=f"id-of-{label}", label=label) for label in ("hot", "cold")]


class Signer:
    """Answers as the media service does: all URLs of the first backend, then all of the next."""

    async def SignUrls(self, request, **_):  # noqa: N802 - as the stub names it
        return SignUrlsResponse(
            urls=[f"https://{one.storage_id}/{path}" for one in request.objects for path in one.paths]
        )


class Backends:
    async def list(self):
        return BACKENDS


def segment(path, label="", **members):
    return Segment(
        document=b'{"object_id":"%b"}' % path.encode(),
        storage_id=label and f"id-of-{label}",
        storage_path=path,
        **members,
    )


async def urls_of(segments, **wanted):
    get_urls = GetUrls(SimpleNamespace(storage=Signer()), Backends())
    documents = map(json.loads, await get_urls.documents(segments, UrlFilter(**wanted)))
    return [(one["object_id"], [url["url"] for url in one["get_urls"]]) for one in documents]


async def test_each_segment_gets_its_own_urls_whatever_the_backends():
    external = ExternalUrl(url="https://elsewhere.example/b")
    segments = [
        segment("a", "cold"),
        segment("b", external_urls=[external]),
        segment("c", "hot", external_urls=[external]),
        segment("d", "cold"),
    ]
    assert await urls_of(segments) == [
        ("a", ["https://id-of-cold/a"]),
        ("b", [external.url]),
        ("c", ["https://id-of-hot/c", external.url]),
        ("d", ["https://id-of-cold/d"]),
    ]


async def test_unwanted_backends_are_not_signed_for():
    segments = [segment("a", "cold"), segment("b", "hot")]
    assert await urls_of(segments, labels=frozenset({"hot"})) == [("a", []), ("b", ["https://id-of-hot/b"])]
