from collections.abc import Callable

from services.shared.telemetry.trace import is_trace_id
from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result


def test_a_command_prints_the_trace_that_it_asks_for(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=b"[]")
    result = tams("--trace", "flows")
    headers = {name.lower(): value for name, value in server.requests[0].headers.items()}
    trace = headers["x-request-id"]
    assert is_trace_id(trace)
    assert headers["traceparent"].startswith(f"00-{trace}-")
    assert result.err.splitlines()[-1] == f"tams: trace {trace}"


def test_a_fault_of_the_store_names_the_request(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    for _ in range(3):
        server.then(500, X_Request_Id="4bf92f3577b34da6a3ce929d0e0e4736")
    result = tams("flows")
    assert result.code == 1
    assert "(request 4bf92f3577b34da6a3ce929d0e0e4736)" in result.err
    assert "trace" not in result.err
