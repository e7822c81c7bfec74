import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result

ENTRY = {
    "number": 7,
    "time": "2026-03-01T12:00:00.123456Z",
    "principal": "user:alice",
    "action": "flows.put",
    "resource": "flow:f",
    "request_id": "r",
    "after": "v2",
    "outcome": "done",
    "facts": {"created": True},
}
OLDER = {**ENTRY, "number": 6, "principal": "=cmd()"}


def body(*entries: object) -> bytes:
    return json.dumps({"entries": entries}).encode()


def test_entries_are_a_table(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body(ENTRY))
    result = tams("audit", "--action", "flows.*", "--since", "2026-03-01T13:00:00+01:00")
    assert result.code == 0
    assert "7" in result.out
    assert "2026-03-01T12:00:00.123Z" in result.out
    target = server.requests[0].target
    assert "action=flows.%2A" in target
    assert "since=2026-03-01T12%3A00%3A00Z" in target
    assert "first=newest" in target


def test_entries_as_json(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body(ENTRY))
    (entry,) = tams("audit", "--json").json
    assert (entry["number"], entry["facts"], entry["before"]) == (7, {"created": True}, None)


def test_no_entries_are_a_message(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body())
    result = tams("audit")
    assert (result.code, result.err) == (0, "no entries\n")


def test_a_csv_file_has_all_pages_the_oldest_first(
    server: ScriptedServer, tams: Callable[..., Result], tmp_path: Path
) -> None:
    server.then(body=body(OLDER), Link='</x/audit?page=2>; rel="next"')
    server.then(body=body(ENTRY))
    file = tmp_path / "audit.csv"
    assert tams("audit", "--csv", str(file)).err == "2 entries\n"
    first, second = csv.DictReader(file.read_text().splitlines())
    assert first["principal"] == "'=cmd()"
    assert (second["number"], second["time"], second["after"]) == ("7", "2026-03-01T12:00:00.123456Z", "v2")
    assert json.loads(second["facts"]) == {"created": True}
    assert "first=oldest" in server.requests[0].target


def test_a_parquet_file(server: ScriptedServer, tams: Callable[..., Result], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    server.then(body=body(OLDER, ENTRY))
    file = tmp_path / "audit.parquet"
    assert tams("audit", "--parquet", str(file)).code == 0
    rows = parquet.read_table(file).to_pylist()
    assert [row["number"] for row in rows] == [6, 7]
    assert (rows[1]["principal"], rows[1]["before"]) == ("user:alice", None)


def test_parquet_without_pyarrow_is_a_clear_error(
    tams: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    result = tams("audit", "--parquet", str(tmp_path / "audit.parquet"))
    assert (result.code, "pyarrow" in result.err) == (1, True)


def test_a_file_that_cannot_be_written_is_an_error(tams: Callable[..., Result], tmp_path: Path) -> None:
    result = tams("audit", "--csv", str(tmp_path / "missing" / "audit.csv"))
    assert result.code == 1
    assert "cannot write" in result.err


@pytest.mark.parametrize(
    "options", [("--json", "--csv", "f"), ("--follow", "--csv", "f"), ("--since", "yesterday")]
)
def test_options_that_contradict_each_other_are_refused(
    tams: Callable[..., Result], options: tuple[str, ...]
) -> None:
    assert tams("audit", *options).code == 2


def test_following_writes_new_entries_until_the_store_is_gone(
    server: ScriptedServer, tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.cli.administration.audit._POLL_SECONDS", 0)
    server.then(body=body(OLDER))
    server.then(body=body(ENTRY))
    server.then(404, body=json.dumps({"type": "X", "summary": "gone", "time": ENTRY["time"]}).encode())
    result = tams("audit", "--follow", "--json")
    assert json.loads(result.out)["number"] == 7
    targets = [request.target for request in server.requests]
    assert ["after=0" in targets[0], "after=6" in targets[1], "after=7" in targets[2]] == [True] * 3
