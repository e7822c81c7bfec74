import json
from collections.abc import Callable
from pathlib import Path

import pytest

from client.local import running
from tests.support.http.scripted_server import ScriptedServer
from tests.support.processes.ports import free_ports
from tests.unit.client.cli.conftest import Result

BUILD = 'tams_build_info{service="gateway",version="1"} 1\nprocess_start_time_seconds 1\n'
REQUESTS = (
    'http_server_request_duration_seconds_bucket{{http_request_method="GET",http_route="{route}",'
    'http_response_status_code="200",le="+Inf"}} {count}\n'
    'http_server_request_duration_seconds_count{{http_request_method="GET",http_route="{route}",'
    'http_response_status_code="200"}} {count}\n'
)
ONCE = ("--once", "--interval", "0.2")
Tams = Callable[..., Result]


def scraped(server: ScriptedServer, route: str = "/flows") -> None:
    for count in (1, 100):
        server.then(body=(BUILD + REQUESTS.format(route=route, count=count)).encode())


def test_one_view_shows_the_routes_and_the_processes(tams: Tams, server: ScriptedServer) -> None:
    scraped(server)
    result = tams("top", "--metrics", server.url, *ONCE)
    assert result.code == 0, result.err
    assert "GET /flows" in result.out
    assert "1 processes answer, 0 do not" in result.out
    assert {request.target for request in server.requests} == {"/metrics"}


def test_a_view_is_json_for_programs(tams: Tams, server: ScriptedServer) -> None:
    scraped(server)
    seen = tams("top", "--metrics", server.url, *ONCE, "--json").json
    assert seen["routes"][0]["name"] == "GET /flows"
    assert seen["requests"]["per_second"] > 0


def test_a_label_cannot_move_the_cursor(tams: Tams, server: ScriptedServer) -> None:
    scraped(server, route="/\x1b[2J")
    assert "\x1b[2J" not in tams("top", "--metrics", server.url, *ONCE).out


def test_the_local_store_is_found_in_its_data_directory(
    tams: Tams, server: ScriptedServer, tmp_path: Path
) -> None:
    scraped(server)
    running.write(tmp_path, 1, server.url, {"gateway": f"{server.url}/metrics"}, {})
    result = tams("top", "--data-dir", str(tmp_path), *ONCE, "--json")
    assert [process["name"] for process in result.json["processes"]] == ["gateway"]


def test_a_store_that_does_not_run_is_an_error_of_one_line(tams: Tams, tmp_path: Path) -> None:
    result = tams("top", "--data-dir", str(tmp_path), *ONCE)
    assert result.code == 4
    assert result.err == (
        f"tams: no store of `tams up` runs in {tmp_path}; name its --data-dir, or processes with --metrics\n"
    )


def test_a_store_without_metrics_says_so(tams: Tams, tmp_path: Path) -> None:
    running.write(tmp_path, 1, "http://127.0.0.1:1", {}, {})
    assert "TAMS_METRICS_PORT=-1" in tams("top", "--data-dir", str(tmp_path), *ONCE).err


def test_processes_that_do_not_answer_are_an_error_of_one_line(tams: Tams) -> None:
    (port,) = free_ports(1)
    result = tams("top", "--metrics", f"http://127.0.0.1:{port}", *ONCE)
    assert result.code == 4
    assert result.err.startswith(f"tams: no process answers: 127.0.0.1:{port}: ")
    assert result.err.endswith("; is the store running?\n")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("url", ["localhost:9464", "http://user:pl4nted@host:1", "http://[::1"])
def test_an_unusable_address_is_wrong_usage(tams: Tams, url: str) -> None:
    result = tams("top", "--metrics", url, *ONCE)
    assert result.code == 2
    assert "pl4nted" not in result.err


def test_without_a_terminal_the_live_view_is_wrong_usage(tams: Tams, server: ScriptedServer) -> None:
    assert tams("top", "--metrics", server.url).code == 2


def test_json_is_one_line_for_each_view(tams: Tams, server: ScriptedServer) -> None:
    scraped(server)
    assert json.loads(tams("top", "--metrics", server.url, *ONCE, "--json").out)["processes"]
