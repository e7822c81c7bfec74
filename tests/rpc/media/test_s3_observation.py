"""The metrics and spans of requests to object storage."""

from collections.abc import Iterator

import pytest

from services.media.adapters.s3.storage import S3Storage
from services.media.domain.credentials import Credentials
from services.shared.errors import Unavailable
from services.shared.telemetry.metrics import Metrics
from services.shared.telemetry.trace import Sampler, Trace, current
from tests.support.http.scripted_server import ScriptedServer, scripted_server
from tests.support.storage.backends import a_backend
from tests.support.telemetry.spans import KeptSpans

SECRETS = ("ACCESSKEYPLANTED", "secret-key-planted", "session-token-planted")


@pytest.fixture
def store() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def storage(store: ScriptedServer, metrics: Metrics) -> Iterator[S3Storage]:
    backend = a_backend(endpoint_url=store.url, credentials=Credentials(*SECRETS))
    opened = S3Storage(backend, 1, metrics)
    yield opened
    opened.close()


@pytest.fixture
def kept() -> Iterator[KeptSpans]:
    kept = KeptSpans()
    token = current.set(Sampler(kept, 1.0).begin(None))
    yield kept
    current.reset(token)


def here() -> Trace:
    trace = current.get()
    assert trace is not None
    return trace


def counted(metrics: Metrics) -> dict[tuple[str, ...], int]:
    """The number of requests by backend and operation."""
    cells = metrics.histograms["tams_s3_request_duration_seconds"].cells()
    return {labels: sum(cell.counts) for labels, cell in cells}


def errors(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {labels: cell.value for labels, cell in metrics.counters["tams_s3_request_errors"].cells()}


async def test_requests_are_counted_by_backend_and_operation(
    store: ScriptedServer, storage: S3Storage, metrics: Metrics
) -> None:
    store.then(200)
    store.then(204)
    await storage.size("a/b")
    await storage.delete("a/b")
    assert counted(metrics) == {("local", "HeadObject"): 1, ("local", "DeleteObject"): 1}
    assert errors(metrics) == {}


async def test_a_missing_object_is_an_answer(
    store: ScriptedServer, storage: S3Storage, metrics: Metrics
) -> None:
    store.then(404)
    assert await storage.size("a/b") is None
    assert (counted(metrics), errors(metrics)) == ({("local", "HeadObject"): 1}, {})


@pytest.mark.parametrize("status", [503, 403, None])
async def test_requests_that_are_refused_or_not_answered_are_errors(
    status: int | None, store: ScriptedServer, storage: S3Storage, metrics: Metrics, kept: KeptSpans
) -> None:
    store.then(status or 200, cut=status is None)
    with pytest.raises(Unavailable):
        await storage.size("a/b")
    assert counted(metrics) == {("local", "HeadObject"): 1}
    assert errors(metrics) == {("local", "HeadObject"): 1}
    assert kept.named("S3.HeadObject").failed


async def test_a_request_is_a_part_of_the_operation_that_needs_it(
    store: ScriptedServer, storage: S3Storage, kept: KeptSpans
) -> None:
    store.then(200, x_amz_request_id="r1")
    await storage.size("a/b")
    found = kept.named("S3.HeadObject")
    assert (found.kind, found.failed, found.trace.parent_id) == ("CLIENT", False, here().span_id)
    assert found.attributes == {
        "rpc.system.name": "aws-api",
        "rpc.method": "S3/HeadObject",
        "aws.s3.bucket": "tams",
        "aws.s3.key": "a/b",
        "aws.request_id": "r1",
        "http.response.status_code": 200,
        "tams.storage_backend": "local",
    }


async def test_a_span_has_no_credentials(store: ScriptedServer, storage: S3Storage, kept: KeptSpans) -> None:
    store.then(200)
    store.then(503)
    await storage.size("a/b")
    with pytest.raises(Unavailable):
        await storage.check()
    sent = " ".join(str(request.headers) for request in store.requests)
    assert SECRETS[0] in sent
    assert [secret for secret in SECRETS if secret in repr(kept.spans)] == []


async def test_requests_of_other_operations_have_no_span(
    store: ScriptedServer, storage: S3Storage, kept: KeptSpans
) -> None:
    store.then(200)
    token = current.set(Sampler(kept, 0.0).begin(None))
    await storage.size("a/b")
    current.reset(token)
    assert kept.spans == []
