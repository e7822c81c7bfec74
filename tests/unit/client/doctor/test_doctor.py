import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from client.api import TamsClient, Target, Unreachable
from client.doctor import Finding, Grade, Scope, database, examine, gateway, objects, storage
from client.doctor.clocks import compare
from tests.support.http.scripted_server import ScriptedServer, scripted_server

TABLES = {"schema": "s", "engine": "vast", "tables": [], "missing": [], "endpoints": []}
EXAMINED = {"inconsistencies": [], "flows": 1, "segments": 2, "complete": True}


def grades(findings: Sequence[Finding]) -> set[tuple[str, Grade]]:
    return {(finding.check, finding.grade) for finding in findings}


def body(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("seconds", "grade"), [(0, Grade.FINE), (3, Grade.FINE), (60, Grade.PROBLEM), (-60, Grade.PROBLEM)]
)
def test_a_clock_that_differs_is_a_problem(seconds: int, grade: Grade) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    (finding,) = compare("clock", "it", date)
    assert finding.grade is grade
    assert ("behind" in finding.summary) == (seconds == -60)


def test_a_malformed_date_is_a_problem_and_a_missing_one_is_not() -> None:
    assert compare("clock", "it", None) == []
    assert compare("clock", "it", "tomorrow")[0].grade is Grade.PROBLEM


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


async def check_gateway(server: ScriptedServer, status: int, answer: bytes) -> list[Finding]:
    server.then(status, answer)
    async with httpx.AsyncClient(trust_env=False) as http:
        return await gateway.check(http, Target(server.url))


async def test_a_service_that_does_not_serve_is_a_problem(server: ScriptedServer) -> None:
    services = {"metadata": "NOT_SERVING", "media": "SERVING"}
    findings = await check_gateway(server, 503, body({"status": "NOT_SERVING", "services": services}))
    assert {("metadata", Grade.PROBLEM), ("media", Grade.FINE)} <= grades(findings)
    assert all(finding.next_step for finding in findings if finding.grade is Grade.PROBLEM)


async def test_reasons_and_refused_writes_are_in_the_findings(server: ScriptedServer) -> None:
    health = {
        "status": "NOT_SERVING",
        "services": {"metadata": "SERVING", "storage": "NOT_SERVING"},
        "reasons": ["storage: local cannot be reached", "writes are refused, STORAGE_FULL: the disk is full"],
    }
    by_check = {finding.check: finding for finding in await check_gateway(server, 503, body(health))}
    assert by_check["storage"].summary == "NOT_SERVING: local cannot be reached"
    assert (by_check["writes"].grade, "STORAGE_FULL" in by_check["writes"].summary) == (Grade.PROBLEM, True)


async def test_another_server_at_the_address_is_a_problem(server: ScriptedServer) -> None:
    assert ("gateway", Grade.PROBLEM) in grades(await check_gateway(server, 200, b"<html>"))


async def check_database(server: ScriptedServer, *answers: tuple[int, Any]) -> list[Finding]:
    for status, answer in answers:
        server.then(status, body(answer))
    async with TamsClient(server.url, attempts=1) as store:
        return [finding async for finding in database.check(store, Scope())]


async def test_consistent_tables_are_fine(server: ScriptedServer) -> None:
    findings = await check_database(server, (200, TABLES), (200, EXAMINED))
    assert grades(findings) == {("schema", Grade.FINE), ("consistency", Grade.FINE)}


async def test_the_database_is_unchecked_without_administration(server: ScriptedServer) -> None:
    findings = await check_database(server, (403, {"type": "ADMIN_NOT_OFFERED", "summary": "no"}))
    assert grades(findings) == {("database", Grade.UNCHECKED)}


async def test_missing_columns_bad_endpoints_and_inconsistencies_are_problems(server: ScriptedServer) -> None:
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
    inconsistency = {"kind": "OVERLAP", "table": "flows", "id": "f", "summary": "they overlap"}
    examined = EXAMINED | {"inconsistencies": [inconsistency] * 30}
    findings = await check_database(server, (200, tables), (200, examined))
    problems = [finding.check for finding in findings if finding.grade is Grade.PROBLEM]
    assert problems == ["schema", *["database"] * 3, *["consistency"] * 21]


async def test_damaged_pages_have_a_next_step_of_their_own(server: ScriptedServer) -> None:
    inconsistency = {"kind": "DAMAGED_PAGES", "table": "", "id": "", "summary": "page 7"}
    findings = await check_database(
        server, (200, TABLES), (200, EXAMINED | {"inconsistencies": [inconsistency]})
    )
    assert [finding.next_step for finding in findings if finding.check == "consistency"] == [
        "the disk returned other bytes than were written: stop the store and restore a backup"
    ]


@pytest.mark.parametrize(
    ("status", "grade"),
    [
        (200, Grade.FINE),
        (206, Grade.FINE),
        (416, Grade.FINE),
        (404, Grade.PROBLEM),
        (403, Grade.UNCHECKED),
        (503, Grade.UNCHECKED),
    ],
)
async def test_registered_objects_are_read(server: ScriptedServer, status: int, grade: Grade) -> None:
    flow = {"id": "f", "source_id": "s", "format": "urn:x-nmos:format:multi"}
    url = {"url": f"{server.url}/object?signed", "presigned": True}
    segments = [{"object_id": "o", "timerange": "[0:0_1:0)", "get_urls": [url]}]
    server.then(200, body([flow]))
    for _ in range(2):
        server.then(200, body(segments))
    server.then(status)
    async with TamsClient(server.url, attempts=1) as store, httpx.AsyncClient(trust_env=False) as http:
        (finding,) = await objects.check(store, http)
    assert (finding.check, finding.grade) == ("objects", grade)


async def test_a_store_without_objects_is_fine(server: ScriptedServer) -> None:
    server.then(200, b"[]")
    async with TamsClient(server.url, attempts=1) as store, httpx.AsyncClient(trust_env=False) as http:
        (finding,) = await objects.check(store, http)
    assert (finding.grade, finding.summary) == (Grade.FINE, "there are no objects to check")


async def test_a_failed_check_is_unchecked(server: ScriptedServer) -> None:
    findings = await check_database(server, (200, TABLES), (503, {"type": "x", "summary": "away"}))
    assert ("consistency", Grade.UNCHECKED) in grades(findings)


async def test_an_unreachable_store_is_an_error() -> None:
    url = "http://127.0.0.1:9"
    async with TamsClient(url, attempts=1) as store:
        with pytest.raises(Unreachable):
            [finding async for finding in examine(store, Scope(), probe=True)]


BACKEND = {
    "id": "b",
    "store_type": "http_object_store",
    "provider": "p",
    "store_product": "s",
    "label": "near",
}


async def probe_storage(
    server: ScriptedServer, *, preflight: int = 200, stored: int = 200, read: int = 200
) -> list[str]:
    """The problems that the probe reports of a store whose object storage answers with these statuses."""
    object_url = f"{server.url}/object?signed"
    put_url = {"url": object_url, "content-type": "video/mp2t", "headers": {"If-None-Match": "*"}}
    server.then(200, body([BACKEND]))
    server.then(204)
    server.then(201, body({"media_objects": [{"object_id": "o", "put_url": put_url}]}))
    if preflight == 200:
        server.then(preflight, Access_Control_Allow_Origin="*")
    else:
        server.then(preflight)
    server.then(stored)
    if stored == 200:
        segment = {"object_id": "o", "timerange": "[0:0_1:0)", "get_urls": [{"url": object_url}]}
        server.then(201)
        server.then(200, body([segment]))
        server.then(read, b"other")
    server.then(204)
    async with TamsClient(server.url, attempts=1) as store, httpx.AsyncClient(trust_env=False) as http:
        findings = await storage.check(store, http)
    methods = [request.method for request in server.requests]
    assert (methods[1], methods[-1]) == ("PUT", "DELETE"), "the flow of the probe is deleted"
    preflight_request, put = server.requests[3:5]
    assert preflight_request.headers["Access-Control-Request-Headers"] == "content-type,if-none-match"
    assert (put.headers["Content-Type"], put.headers["If-None-Match"]) == ("video/mp2t", "*")
    return [finding.summary for finding in findings if finding.grade is Grade.PROBLEM]


async def test_storage_that_refuses_signed_requests_is_a_problem(server: ScriptedServer) -> None:
    assert await probe_storage(server, stored=403) == ["a signed PUT is refused with 403"]


async def test_storage_that_refuses_browsers_and_reads_is_a_problem(server: ScriptedServer) -> None:
    (cors, read) = await probe_storage(server, preflight=403, read=404)
    assert "other origins" in cors
    assert read == "a signed GET is refused with 404"


async def test_storage_that_returns_other_bytes_is_a_problem(server: ScriptedServer) -> None:
    assert await probe_storage(server) == ["it returns other bytes than were stored"]


async def test_unreachable_storage_is_a_problem(server: ScriptedServer) -> None:
    server.then(200, body([BACKEND]))
    server.then(204)
    put_url = {"url": "http://127.0.0.1:9/object"}
    server.then(201, body({"media_objects": [{"object_id": "o", "put_url": put_url}]}))
    server.then(204)
    async with TamsClient(server.url, attempts=1) as store, httpx.AsyncClient(trust_env=False) as http:
        (finding,) = await storage.check(store, http)
    assert (finding.check, finding.grade) == ("storage near", Grade.PROBLEM)


async def test_a_store_without_storage_is_a_problem(server: ScriptedServer) -> None:
    server.then(200, b"[]")
    async with TamsClient(server.url, attempts=1) as store, httpx.AsyncClient(trust_env=False) as http:
        assert grades(await storage.check(store, http)) == {("storage", Grade.PROBLEM)}


def endpoints(*milliseconds: float) -> list[dict[str, Any]]:
    state = {"error_rate": 0.0, "out_of_use": False}
    return [
        {"address": f"vast-{number}", "latency_seconds": latency / 1000, **state}
        for number, latency in enumerate(milliseconds)
    ]


@pytest.mark.parametrize(
    ("milliseconds", "slow"),
    [
        ((4, 15, 208), {"vast-2"}),
        ((4, 208), {"vast-1"}),
        ((1, 2, 12), set()),  # many times slower, but still quick
        ((100, 120, 90), set()),
        ((300, 310, 320), {"vast-0", "vast-1", "vast-2"}),
        ((208,), set()),
    ],
)
async def test_an_endpoint_much_slower_than_others_is_a_problem(
    server: ScriptedServer, milliseconds: tuple[int, ...], slow: set[str]
) -> None:
    findings = await check_database(
        server, (200, TABLES | {"endpoints": endpoints(*milliseconds)}), (200, EXAMINED)
    )
    reported = {
        finding.summary.split()[1]
        for finding in findings
        if finding.check == "database" and finding.grade is Grade.PROBLEM
    }
    assert reported == slow
    assert all("slow" in finding.summary for finding in findings if finding.grade is Grade.PROBLEM)


def an_inconsistency(**members: Any) -> dict[str, Any]:
    return {"kind": "TAGS", "table": "flows", "id": "f", "summary": "wrong", **members}


async def test_tables_of_another_shape_are_in_the_findings(server: ScriptedServer) -> None:
    findings = await check_database(
        server, (200, TABLES | {"unfit": ["table flows: not sorted"]}), (200, EXAMINED)
    )
    assert [finding.summary for finding in findings if finding.check == "schema"] == [
        "table flows: not sorted"
    ]


async def test_each_inconsistency_has_a_next_step(server: ScriptedServer) -> None:
    examined = EXAMINED | {
        "inconsistencies": [an_inconsistency(mendable=True), an_inconsistency(advice="put it")]
    }
    findings = await check_database(server, (200, TABLES), (200, examined))
    assert [finding.next_step for finding in findings if finding.check == "consistency"] == [
        "tams doctor --repair rewrites it from the rows it derives from", "put it",
    ]  # fmt: skip


async def test_a_refused_repair_is_a_problem(server: ScriptedServer) -> None:
    server.then(200, body(TABLES))
    server.then(400, body({"type": "NOT_CONFIRMED", "summary": "to confirm, give the name s"}))
    async with TamsClient(server.url, attempts=1) as store:
        findings = [finding async for finding in database.check(store, Scope(repair=True, confirm="x"))]
    assert ("repair", Grade.PROBLEM) in grades(findings)


async def test_a_repair_continues_until_all_rows_are_checked(server: ScriptedServer) -> None:
    repaired = EXAMINED | {
        "inconsistencies": [an_inconsistency(mendable=True, mended=True)],
        "complete": False,
    }
    for answer in (
        TABLES,
        repaired | {"after": "tags:a"},
        EXAMINED | {"after": "tags:b", "complete": False},
        EXAMINED,
    ):
        server.then(200, body(answer))
    async with TamsClient(server.url, attempts=1) as store:
        scope = Scope(all=True, repair=True, confirm="s")
        findings = [finding async for finding in database.check(store, scope)]
    assert all(finding.grade is Grade.FINE for finding in findings)
    assert any("repaired TAGS" in finding.summary for finding in findings)
    sent = [json.loads(request.body) for request in server.requests[1:]]
    assert [request["after"] for request in sent] == ["", "tags:a", "tags:b"]
    assert all((request["confirm"], request["dry_run"]) == ("s", False) for request in sent)
