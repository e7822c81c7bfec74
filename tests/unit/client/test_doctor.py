import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from client.api import TamsClient, Unreachable
from client.doctor import Grade, database, examine, gateway, storage
from client.doctor.clocks import compare
from tests.support.scripted_server import scripted_server

TABLES = {"schema": "s", "engine": "vast", "tables": [], "missing": [], "endpoints": []}
SEEN = {"inconsistencies": [], "flows": 1, "segments": 2, "complete": True}


def grades(findings):
    return {(one.check, one.grade) for one in findings}


def body(value):
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("seconds", "grade"), [(0, Grade.FINE), (3, Grade.FINE), (60, Grade.PROBLEM), (-60, Grade.PROBLEM)]
)
def test_clocks(seconds, grade):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    (found,) = compare("clock", "it", date)
    assert found.grade is grade
    assert ("behind" in found.summary) == (seconds == -60)


def test_clocks_that_say_nothing_or_nonsense():
    assert compare("clock", "it", None) == []
    assert compare("clock", "it", "tomorrow")[0].grade is Grade.PROBLEM


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


async def healthy(server, status, answer):
    server.then(status, answer)
    async with httpx.AsyncClient(trust_env=False) as http:
        return await gateway.check(http, server.url)


async def test_services_that_do_not_serve(server):
    services = {"metadata": "NOT_SERVING", "media": "SERVING"}
    found = await healthy(server, 503, body({"status": "NOT_SERVING", "services": services}))
    assert {("metadata", Grade.PROBLEM), ("media", Grade.FINE)} <= grades(found)
    assert all(one.next_step for one in found if one.grade is Grade.PROBLEM)


async def test_something_else_at_the_address(server):
    assert ("gateway", Grade.PROBLEM) in grades(await healthy(server, 200, b"<html>"))


async def checked(server, *answers):
    for status, answer in answers:
        server.then(status, body(answer))
    async with TamsClient(server.url, attempts=1) as store:
        return [one async for one in database.check(store, None, None)]


async def test_tables_that_agree(server):
    found = await checked(server, (200, TABLES), (200, SEEN))
    assert grades(found) == {("schema", Grade.FINE), ("consistency", Grade.FINE)}


async def test_without_administration_the_database_is_not_checked(server):
    found = await checked(server, (403, {"type": "ADMIN_NOT_OFFERED", "summary": "no"}))
    assert grades(found) == {("database", Grade.UNCHECKED)}


async def test_what_is_missing_out_of_use_and_contradicting(server):
    endpoint = {"address": "a:1", "latency_seconds": 0.001, "error_rate": 0.0, "out_of_use": False}
    tables = TABLES | {
        "missing": ["flows.doc"],
        "endpoints": [
            endpoint,
            endpoint | {"out_of_use": True},
            endpoint | {"error_rate": 0.5},
            endpoint | {"latency_seconds": 2.0},
        ],
    }
    wrong = {"kind": "OVERLAP", "table": "flows", "id": "f", "summary": "they overlap"}
    seen = SEEN | {"inconsistencies": [wrong] * 30}
    found = await checked(server, (200, tables), (200, seen))
    problems = [one.check for one in found if one.grade is Grade.PROBLEM]
    assert problems == ["schema", *["database"] * 3, *["consistency"] * 21]


async def test_a_check_that_fails_is_told(server):
    found = await checked(server, (200, TABLES), (503, {"type": "x", "summary": "away"}))
    assert ("consistency", Grade.UNCHECKED) in grades(found)


async def test_nobody_there():
    url = "http://127.0.0.1:9"
    async with TamsClient(url, attempts=1) as store:
        with pytest.raises(Unreachable):
            [one async for one in examine(store, url, probe=True, max_flows=None, max_segments=None)]


BACKEND = {
    "id": "b",
    "store_type": "http_object_store",
    "provider": "p",
    "store_product": "s",
    "label": "near",
}


async def probed(server, *, preflight=200, stored=200, read=200):
    """What the probe finds at a store whose object storage gives these statuses."""
    here = f"{server.url}/object?signed"
    cors = {"Access_Control_Allow_Origin": "*"} if preflight == 200 else {}
    server.then(200, body([BACKEND]))
    server.then(204)
    server.then(201, body({"media_objects": [{"object_id": "o", "put_url": {"url": here}}]}))
    server.then(preflight, b"", **cors)
    server.then(stored)
    if stored == 200:
        segment = {"object_id": "o", "timerange": "[0:0_1:0)", "get_urls": [{"url": here}]}
        server.then(201)
        server.then(200, body([segment]))
        server.then(read, b"other")
    server.then(204)
    async with TamsClient(server.url, attempts=1) as store, httpx.AsyncClient(trust_env=False) as http:
        found = await storage.check(store, http)
    methods = [request.method for request in server.requests]
    assert (methods[1], methods[-1]) == ("PUT", "DELETE"), "the probe's flow goes again"
    return [one.summary for one in found if one.grade is Grade.PROBLEM]


async def test_storage_that_refuses_signed_requests(server):
    assert await probed(server, stored=403) == ["a signed PUT is refused with 403"]


async def test_storage_that_refuses_browsers_and_reading(server):
    (cors, read) = await probed(server, preflight=403, read=404)
    assert "other origins" in cors
    assert read == "a signed GET is refused with 404"


async def test_storage_that_returns_something_else(server):
    assert await probed(server) == ["it returns other bytes than were stored"]


async def test_storage_that_cannot_be_reached(server):
    server.then(200, body([BACKEND]))
    server.then(204)
    put_url = {"url": "http://127.0.0.1:9/object"}
    server.then(201, body({"media_objects": [{"object_id": "o", "put_url": put_url}]}))
    server.then(204)
    async with TamsClient(server.url, attempts=1) as store, httpx.AsyncClient(trust_env=False) as http:
        (found,) = await storage.check(store, http)
    assert (found.check, found.grade) == ("storage near", Grade.PROBLEM)


async def test_no_storage_at_all(server):
    server.then(200, b"[]")
    async with TamsClient(server.url, attempts=1) as store, httpx.AsyncClient(trust_env=False) as http:
        assert grades(await storage.check(store, http)) == {("storage", Grade.PROBLEM)}
