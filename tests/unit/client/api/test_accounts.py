import json

import pytest

from client.api import NotFound, TamsClient
from tests.support.http.scripted_server import ScriptedServer

KEY = {"id": "0", "name": "n", "scopes": ["read"], "suspended": False, "created": "2026-01-01T00:00:00Z"}


async def test_a_key_is_created_once_although_the_reply_is_lost(
    server: ScriptedServer, tams: TamsClient
) -> None:
    server.then(cut=True)
    with pytest.raises(Exception, match="cannot reach"):
        await tams.accounts.add_key("n", ["read"])
    assert len(server.requests) == 1


async def test_a_suspension_is_repeated_after_a_lost_reply(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(cut=True)
    server.then(body=json.dumps(KEY | {"suspended": True}).encode())
    assert (await tams.accounts.suspend_key("0", suspended=True)).suspended
    assert len(server.requests) == 2


async def test_an_unknown_user_is_not_found(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(404, b'{"type": "USER_NOT_FOUND", "summary": "there is no such user"}')
    with pytest.raises(NotFound, match="there is no such user"):
        await tams.accounts.remove_user("nobody")
