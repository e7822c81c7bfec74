"""Uploads of files to a server with scripted answers; those to a store are in tests/system."""

import asyncio
import json
from hashlib import md5
from pathlib import Path

import pytest

from client.api import Allocation, BadAnswer, HttpRequest, ObjectExists, TamsClient, UploadRules
from client.api.uploads.rules import MIB
from tests.support.http.scripted_server import ScriptedServer

FIRST, SECOND = b"a" * 5 * MIB, b"the end"
UPLOADS = "/x/objects/one/uploads"
UPLOAD = f"{UPLOADS}/u1"
# One after the other, so that the answers come in turn.
RULES = UploadRules(threshold=6, part_bytes=5 * MIB, parallel=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(FIRST + SECOND)
    return file


def sums(*parts: bytes) -> list[dict[str, object]]:
    """The parts as storage lists them."""
    return [
        {
            "part_number": number,
            "etag": f'"{md5(part, usedforsecurity=False).hexdigest()}"',
            "size": len(part),
        }
        for number, part in enumerate(parts, 1)
    ]


class Script:
    """Adds the answers of the steps of an upload to a server."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server

    def json(self, value: object, status: int = 200) -> None:
        self._server.then(status, json.dumps(value).encode())

    def begins(self) -> None:
        self.json([])
        limits = {"min_part_bytes": 5 * MIB, "max_part_bytes": 1024 * MIB, "max_parts": 10_000}
        self.json({"upload_id": "u1", **limits}, 201)

    def signs(self, number: int) -> None:
        self.json([{"part_number": number, "url": f"{self._server.url}/bucket?partNumber={number}"}])

    def continues(self, *parts: bytes) -> None:
        self.json(
            [
                {"upload_id": "older", "created": "2026-03-04T12:00:00Z"},
                {"upload_id": "u1", "created": "2026-03-04T13:00:00Z"},
            ]
        )
        self.json(sums(*parts))


@pytest.fixture
def script(server: ScriptedServer) -> Script:
    return Script(server)


def allocation(server: ScriptedServer) -> Allocation:
    return Allocation(object_id="one", put_url=HttpRequest(url=f"{server.url}/bucket"))


def steps(server: ScriptedServer) -> list[str]:
    return [f"{request.method} {request.target}" for request in server.requests]


async def test_each_part_is_repeated_where_storage_fails(
    server: ScriptedServer, script: Script, tams: TamsClient, path: Path
) -> None:
    script.begins()
    script.signs(1)
    server.then(500)
    server.then(503, Retry_After="0")
    server.then(ETag='"e1"')
    script.signs(2)
    server.then(ETag='"e2"')
    server.then(cut=True)
    script.json({"size": len(FIRST + SECOND)})
    seen: list[tuple[int, int]] = []

    await tams.files.upload(allocation(server), path, RULES, lambda *sent: seen.append(sent))

    puts = [request.body for request in server.requests if request.method == "PUT"]
    assert puts == [FIRST, FIRST, FIRST, SECOND]
    completions = [request.body for request in server.requests if request.target == f"{UPLOAD}/complete"]
    parts = [{"part_number": 1, "etag": '"e1"'}, {"part_number": 2, "etag": '"e2"'}]
    assert [json.loads(body) for body in completions] == [{"parts": parts}, {"parts": parts}]
    assert seen[-1] == (len(FIRST + SECOND), len(FIRST + SECOND))


async def test_an_open_upload_is_continued_without_the_parts_that_are_stored(
    server: ScriptedServer, script: Script, tams: TamsClient, path: Path
) -> None:
    script.continues(FIRST, b"THE END")
    script.signs(2)
    server.then(ETag='"e2"')
    script.json({"size": len(FIRST + SECOND)})

    await tams.files.upload(allocation(server), path, RULES)

    assert steps(server) == [
        f"GET {UPLOADS}",
        f"GET {UPLOAD}/parts?limit=1000",
        f"POST {UPLOAD}/part-urls",
        "PUT /bucket?partNumber=2",
        f"POST {UPLOAD}/complete",
    ]
    sent = json.loads(server.requests[-1].body)["parts"]
    assert [part["etag"] for part in sent] == [sums(FIRST)[0]["etag"], '"e2"']


async def test_an_object_that_another_client_stored_is_an_error_and_the_upload_ends(
    server: ScriptedServer, script: Script, tams: TamsClient, path: Path
) -> None:
    script.continues(FIRST, SECOND)
    script.json({"type": "OBJECT_STORED", "summary": "stored"}, 400)
    server.then(204)

    with pytest.raises(ObjectExists):
        await tams.files.upload(allocation(server), path, RULES)

    assert steps(server)[-1] == f"DELETE {UPLOAD}"


async def test_an_object_of_another_size_is_an_error(
    server: ScriptedServer, script: Script, tams: TamsClient, path: Path
) -> None:
    script.continues(FIRST, SECOND)
    script.json({"size": 7})

    with pytest.raises(BadAnswer, match="the object has 7 bytes"):
        await tams.files.upload(allocation(server), path, RULES)


@pytest.mark.parametrize("aborts", [True, False])
async def test_a_cancelled_upload_is_aborted_if_asked(
    server: ScriptedServer, script: Script, tams: TamsClient, path: Path, *, aborts: bool
) -> None:
    script.begins()
    script.signs(1)
    server.then(cut=True)
    rules = UploadRules(threshold=6, part_bytes=5 * MIB, parallel=1, abort_if_cancelled=aborts)

    def cancel(sent: int, _total: int) -> None:
        if sent:
            task.cancel()

    task = asyncio.ensure_future(tams.files.upload(allocation(server), path, rules, cancel))
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (f"DELETE {UPLOAD}" in steps(server)) is aborts


async def test_a_small_file_is_sent_again_as_a_whole(
    server: ScriptedServer, tams: TamsClient, path: Path
) -> None:
    server.then(503, Retry_After="0")
    server.then()

    await tams.files.upload(allocation(server), path)

    assert [request.body for request in server.requests] == [FIRST + SECOND] * 2
    assert server.requests[0].headers["Content-Length"] == str(len(FIRST + SECOND))


async def test_single_calls_make_an_object_of_all_parts_that_storage_has(
    server: ScriptedServer, script: Script, tams: TamsClient
) -> None:
    server.then(ETag='"e1"')
    script.json({"size": 4})

    assert await tams.uploads.put(f"{server.url}/bucket?partNumber=1", b"part") == '"e1"'
    assert await tams.uploads.complete("takes/one", "u1") == 4

    assert server.requests[-1].target == "/x/objects/takes%2Fone/uploads/u1/complete"
    assert server.requests[-1].body == b""


async def test_a_part_without_an_etag_is_an_error(server: ScriptedServer, tams: TamsClient) -> None:
    server.then()

    with pytest.raises(BadAnswer, match="no ETag"):
        await tams.uploads.put(f"{server.url}/bucket?partNumber=1", b"part")
