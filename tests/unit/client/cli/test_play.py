import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result
from tests.unit.client.cli.test_commands import FLOW, FLOW_ID, NOT_FOUND, body

PATH = f"/x/flows/{FLOW_ID}/multivariant.m3u8"


def test_play_prints_an_address_for_players(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    for _ in range(3):
        server.then(body=body(FLOW))
    assert tams("play", FLOW_ID).out == f"{server.url}{PATH}\n"
    assert tams("play", FLOW_ID, "--live").out == f"{server.url}{PATH}?type=live\n"
    part = "[5:0_15:0)"
    assert tams("play", FLOW_ID, "--timerange", part).out == f"{server.url}{PATH}?timerange={quote(part)}\n"


def test_the_address_has_a_token_if_the_caller_has_credentials(
    server: ScriptedServer, tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMS_TOKEN", "own")
    server.then(body=body(FLOW))
    server.then(body=body({"access_token": "of+the store", "expires_at": "2024-01-01T00:00:00Z"}))
    assert tams("play", FLOW_ID).out == f"{server.url}{PATH}?access_token=of%2Bthe+store\n"
    assert json.loads(server.requests[-1].body) == {"seconds": 3600}
    server.then(body=body(FLOW))
    server.then(404, body=body(NOT_FOUND))
    assert tams("play", FLOW_ID).out == f"{server.url}{PATH}\n"


def test_play_runs_a_player(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    for _ in range(3):
        server.then(body=body(FLOW))
    assert tams("play", FLOW_ID, "--player", "true").code == 0
    assert tams("play", FLOW_ID, "--player", "false").err == "tams: false ended with 1\n"
    assert (
        "cannot run no-such-player: No such file" in tams("play", FLOW_ID, "--player", "no-such-player").err
    )


def test_play_refuses_what_cannot_be_played(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    assert tams("play", FLOW_ID, "--live", "--timerange", "[0:0_1:0)").code == 2
    server.then(404, body=body(NOT_FOUND))
    assert tams("play", FLOW_ID).code == 3
    assert len(server.requests) == 1
