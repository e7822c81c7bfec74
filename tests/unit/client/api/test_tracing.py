import re

import pytest

from client.api import RequestTrace, ServerFault, TamsClient
from services.shared.telemetry.trace import Sampler, is_trace_id
from tests.support.http.scripted_server import ScriptedServer
from tests.support.telemetry.spans import KeptSpans


async def test_all_requests_of_a_client_belong_to_its_trace(server: ScriptedServer) -> None:
    trace = RequestTrace(sampled=True)
    server.then(body=b"[]")
    server.then(body=b"[]")
    async with TamsClient(server.url, trace=trace) as tams:
        await tams.storage_backends()
        await tams.storage_backends()
    headers = [{name.lower(): value for name, value in each.headers.items()} for each in server.requests]
    assert [each["x-request-id"] for each in headers] == [trace.id, trace.id]
    first, second = (each["traceparent"] for each in headers)
    assert first != second
    for header in (first, second):
        assert re.fullmatch(f"00-{trace.id}-[0-9a-f]{{16}}-01", header)
        # The store records it, although it records no other.
        found = Sampler(KeptSpans(), 0.0).begin(header)
        assert (found.trace_id, found.sampled) == (trace.id, True)


async def test_the_store_decides_about_a_trace_that_need_not_be_recorded(server: ScriptedServer) -> None:
    trace = RequestTrace()
    server.then(body=b"[]")
    async with TamsClient(server.url, trace=trace) as tams:
        await tams.storage_backends()
    headers = {name.lower(): value for name, value in server.requests[0].headers.items()}
    assert headers["x-request-id"] == trace.id
    assert is_trace_id(trace.id)
    assert "traceparent" not in headers


async def test_object_storage_gets_no_trace(server: ScriptedServer) -> None:
    server.then(body=b"bytes")
    async with TamsClient(server.url, trace=RequestTrace(sampled=True)) as tams:
        await tams.download(f"{server.url}/object")
    assert "traceparent" not in {name.lower() for name in server.requests[0].headers}


async def test_an_error_names_its_request(server: ScriptedServer) -> None:
    server.then(500, X_Request_Id="abc")
    async with TamsClient(server.url, attempts=1) as tams:
        with pytest.raises(ServerFault) as caught:
            await tams.storage_backends()
    assert caught.value.request_id == "abc"
