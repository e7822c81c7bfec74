"""The metrics of a media process, as Prometheus reads them."""

import re
from typing import Any

import httpx
from tams.media.v1 import storage_service_pb2

from tests.rpc.media.conftest import Serve
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports


async def test_a_scrape_has_the_life_of_an_object(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient
) -> None:
    (port,) = free_ports(1)
    samples: dict[str, float] = {}

    async def measured() -> bool:
        samples.clear()
        text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
        pairs = re.findall(r"^(tams_[^ ]+) (\S+)", text, re.MULTILINE)
        samples.update((name, float(value)) for name, value in pairs)
        return samples.get("tams_objects_measured_total") == 1

    async with serve(backend, metrics_port=port) as media:
        request = storage_service_pb2.AllocateStorageRequest(flow_id="flow", limit=2)
        first, _ = (await media.stub.AllocateStorage(request)).objects
        headers = {"content-type": first.content_type, **first.headers}
        assert (await http.put(first.put_url, content=b"essence", headers=headers)).is_success
        look = storage_service_pb2.LookForObjectsRequest(object_ids=[first.object_id])
        await media.stub.LookForObjects(look)
        await until(measured)
    label = backend["label"]
    assert samples["tams_objects_allocated_total"] == 2
    assert samples['tams_urls_signed_total{method="PUT"}'] == 2
    assert samples[f'tams_bytes_ingested_total{{backend="{label}"}}'] == len(b"essence")
    assert samples[f'tams_storage_backend_up{{backend="{label}"}}'] == 1
    requests = f'tams_s3_request_duration_seconds_count{{backend="{label}",operation="HeadObject"}}'
    assert samples[requests] >= 1
