"""The metrics of the gateway about its clients and its calls."""

from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.services.gateway import running_gateway


async def samples(port: int) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_connections_held_bytes_and_sizes_of_batches_are_published(
    services: dict[str, str], flow: dict[str, Any]
) -> None:
    (port,) = free_ports(1)
    async with running_gateway(**services, metrics_port=port) as tams:
        (await tams.get(f"/flows/{flow['id']}")).raise_for_status()

        async def sees_the_connection() -> bool:
            return (await samples(port))["tams_connections", frozenset()] == 1

        await until(sees_the_connection)
        found = await samples(port)
    assert found["tams_held_bytes", frozenset()] == 0
    assert found["tams_batch_size_count", frozenset({("method", "GetFlow")})] == 1
