"""Administration, bulk loads and the doctor from the command line, with the whole system."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.vast.tables import transactions
from tests.support.processes.system import READY_SECONDS, System, poll, running_system
from tests.support.services.engine import ENGINES, Engine
from tests.support.services.gateway import a_flow

pytestmark = pytest.mark.slow

SEGMENTS = 10_000
# Unused bytes are due at once, and left to the command.
RECLAIMING = {"TAMS_MEDIA_RECLAIM_UNREFERENCED_SECONDS": "0", "TAMS_MEDIA_RECLAIM_IDLE_SECONDS": "3600"}


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    data_dir = tmp_path_factory.mktemp("administration") / "data"
    engine = Engine()
    engine.name = request.param
    with pytest.MonkeyPatch.context() as patch, closing(engine):
        # The database soon ends the transaction of a killed writer, which frees its rows.
        patch.setattr(transactions, "IDLE_SECONDS", 8)
        env = engine.environment(data_dir) if request.param == "vast" else {}
        with running_system(data_dir, {**env, **RECLAIMING}) as running:
            yield running


# Runs the command `tams` with arguments, and checks its exit code unless it is None.
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tams(store: System) -> Run:
    def run(*arguments: str, code: int | None = 0, url: str = store.url) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "TAMS_URL": url}
        command = [sys.executable, "-m", "client.cli", *arguments]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert code in (None, ran.returncode), ran.stderr + ran.stdout
        return ran

    return run


def rows(tams: Run) -> dict[str, int]:
    return {
        table["name"]: table["rows"]
        for table in json.loads(tams("tables", "list", "--json").stdout)["tables"]
    }


def examined(tams: Run, *options: str) -> list[dict[str, Any]]:
    """The findings of the doctor. All must be fine, except for slowness, as the machine may be busy."""
    found: list[dict[str, Any]] = json.loads(tams("doctor", *options, "--json", code=None).stdout)
    wrong = [finding["summary"] for finding in found if finding["grade"] != "fine"]
    slow = ("ms on average", "to tell its health")
    assert [summary for summary in wrong if not any(phrase in summary for phrase in slow)] == []
    return found


def test_sample_data_is_loaded_checked_and_removed(tams: Run) -> None:
    command = ("sample-data", "--sources", "6", "--flows", "9", "--segments", "2500", "--seed", "5")
    for _ in range(2):
        assert "2500 segments" in tams(*command).stderr
        counts = rows(tams)
        assert (counts["sources"], counts["flows"], counts["segments"]) == (6, 9, 2500)
    assert "choose another --seed" in tams(*command[:-4], "--segments", "10", "--seed", "5", code=1).stderr
    found = examined(tams)
    assert {"clock", "gateway", "metadata", "media", "analytics", "schema", "consistency"} <= {
        finding["check"] for finding in found
    }
    assert any("2500 segments" in finding["summary"] for finding in found)
    listed = json.loads(tams("tables", "list", "--json").stdout)
    assert examined(tams, "--no-probe", "--repair", "--dry-run")
    assert examined(tams, "--no-probe", "--repair", "--confirm", listed["schema"])
    assert examined(tams, "--no-probe", "--all", "--max-flows", "2")
    tams("doctor", "--no-probe", "--repair", code=2)
    tams("doctor", "--no-probe", "--repair", "--confirm", "other", code=1)
    tams("tables", "reset", code=2)
    tams("tables", "reset", "--confirm", "other", code=1)
    tams("tables", "reset", "--confirm", listed["schema"])
    assert rows(tams)["segments"] == 0


def test_columns_and_projections_are_added_renamed_and_dropped(tams: Run) -> None:
    tams("tables", "add-column", "sources", "owner_name", "string")
    assert tams("tables", "has-column", "sources", "owner_name").stdout == "string\n"
    tams("tables", "create-projection", "sources", "by_owner", "--sorted-by", "owner_name", "--also", "label")
    assert "by_owner" in tams("tables", "projections", "sources").stdout
    tams("tables", "drop-projection", "sources", "by_owner")
    tams("tables", "rename-column", "sources", "owner_name", "holder", "--confirm", "owner_name")
    assert "holder" in tams("tables", "columns", "sources").stdout
    tams("tables", "drop-column", "sources", "holder", "--dry-run")
    tams("tables", "drop-column", "sources", "holder", "--confirm", "holder")
    tams("tables", "has-column", "sources", "holder", code=3)
    assert "the service needs" in tams("tables", "drop-column", "flows", "doc", code=1).stderr
    tams("tables", "refresh")


def test_unused_bytes_are_listed_and_deleted(store: System, tams: Run) -> None:
    flow = a_flow()
    segments = f"/flows/{flow['id']}/segments"
    with httpx.Client(base_url=store.url, timeout=30, trust_env=False) as client:
        client.put(f"/flows/{flow['id']}", json=flow).raise_for_status()
        allocated = client.post(f"/flows/{flow['id']}/storage", json={"limit": 1}).json()
        (media_object,) = allocated["media_objects"]
        put = media_object["put_url"]
        headers = {"content-type": put["content-type"], **put["headers"]}
        httpx.put(put["url"], content=b"bytes", headers=headers, trust_env=False).raise_for_status()
        segment = {"object_id": media_object["object_id"], "timerange": "[0:0_1:0)"}
        client.post(segments, json=segment).raise_for_status()
        (read,) = client.get(segments).json()
        client.delete(segments).raise_for_status()
    listed = json.loads(tams("gc", "--dry-run", "--json").stdout)
    assert (media_object["object_id"], 5) in {(one["id"], one["size"]) for one in listed}
    url = read["get_urls"][0]["url"]
    assert httpx.get(url, trust_env=False).content == b"bytes"
    assert "local" in tams("gc", "--dry-run").stdout
    assert f"deleted the bytes of {len(listed)} objects" in tams("gc").stderr
    assert httpx.get(url, trust_env=False).status_code == httpx.codes.NOT_FOUND
    assert tams("gc", "--dry-run").stderr == "no bytes to delete\n"
    # All bytes are young, so none is judged.
    assert "missing: 0\norphaned: 0, 0 B\n" in tams("reconcile").stderr
    assert [json.loads(line)["kind"] for line in tams("reconcile", "--json").stdout.splitlines()] == [
        "progress"
    ]
    assert tams("stats", "--duplicates").stdout
    assert json.loads(tams("stats", "--accessed", "most", "--json").stdout)["complete"]


def test_a_load_of_a_bad_file_is_rolled_back_resumed_or_skips_rows(tams: Run, tmp_path: Path) -> None:
    flow_id = "6d3f8a52-1c0b-4b7e-9a5d-2f6e8c1b4a70"
    flow = {
        "id": flow_id,
        "source_id": "0b8e6f4a-7d2c-4e91-8f3b-5a9c1d7e2b63",
        "format": "urn:x-nmos:format:data",
        "codec": "application/ttml+xml",
        "container": "application/ttml+xml",
        "essence_parameters": {},
    }
    (tmp_path / "flows.json").write_text(json.dumps([flow]))
    tams("tables", "load", str(tmp_path / "flows.json"), "--table", "flows")
    segments = [
        {
            "flow_id": flow_id,
            "object_id": f"o{at}",
            "timerange": f"[{at}:0_{at + 1}:0)",
            "get_urls": [{"url": "https://media.example/o"}],
        }
        for at in range(1500)
    ]
    file = tmp_path / "segments.ndjson"
    load = ("tables", "load", str(file), "--table", "segments", "--on-error")
    bad_segments = [*segments[:1200], segments[0], *segments[1200:]]
    file.write_text("\n".join(map(json.dumps, bad_segments)))
    tams(*load, "rollback", code=1)
    assert rows(tams)["segments"] == 0
    stopped = tams(*load, "resume", "--json", code=1)
    report = json.loads(stopped.stdout)
    assert [failure["row"] for failure in report["failures"]] == [1200]
    assert rows(tams)["segments"] == report["load"]["rows"] <= 1200
    assert [report["load"]["id"], "open"] in [
        [listed["id"], listed["state"]] for listed in json.loads(tams("tables", "loads", "--json").stdout)
    ]
    assert report["load"]["id"] in tams("tables", "loads").stdout
    file.write_text("\n".join(map(json.dumps, segments)))
    tams(*load, "resume", "--resume", report["load"]["id"])
    assert rows(tams)["segments"] == 1500
    file.write_text("\n".join(map(json.dumps, bad_segments)))
    skipped = json.loads(tams(*load, "skip", "--json").stdout)
    assert (skipped["load"]["inserted"], skipped["failed"]) == (0, 1501)
    assert len(skipped["failures"]) == 1000


def segment_count(store: System) -> int | None:
    """The number of segments; None while the store does not answer."""
    answer = httpx.get(f"{store.url}/x/admin/tables", timeout=30)
    if not answer.is_success:
        return None
    counts: dict[str, int] = {table["name"]: table["rows"] for table in answer.json()["tables"]}
    return counts["segments"]


def stopped_during_load(store: System, loading: subprocess.Popen[bytes]) -> bool:
    """Wait until a load has begun, and stop its process. False if the load had already ended."""
    poll(lambda: bool(segment_count(store)) or loading.poll() is not None, READY_SECONDS)
    loading.send_signal(signal.SIGSTOP)
    return loading.poll() is None and (segment_count(store) or 0) < SEGMENTS


def stopped_load(store: System, tams: Run, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """The stopped process of a load that has begun and not ended."""
    for _ in range(5):
        tams("tables", "reset", "--confirm", json.loads(tams("tables", "list", "--json").stdout)["schema"])
        loading = subprocess.Popen(command, env={**os.environ, "TAMS_URL": store.url})
        if stopped_during_load(store, loading):
            return loading
        loading.send_signal(signal.SIGCONT)
        loading.wait()
    raise AssertionError("each load ended too soon")


@pytest.mark.parametrize("victim", ["metadata", "gateway", "client"])
def test_a_load_survives_a_kill(store: System, tams: Run, victim: str) -> None:
    """After SIGKILL during a load, the load continues or is resumed, without lost or duplicate rows."""
    arguments = ("sample-data", "--sources", "3", "--flows", "6", "--segments", str(SEGMENTS), "--seed", "9")
    command = [sys.executable, "-m", "client.cli", *arguments]
    with stopped_load(store, tams, command) as loading:
        if victim == "client":
            loading.kill()
        else:
            loading.send_signal(signal.SIGCONT)
            store.kill(victim)
    store.healthy()
    tams(*arguments)
    assert rows(tams)["segments"] == rows(tams)["objects"] == SEGMENTS
    found = examined(tams, "--no-probe")
    consistent = f"{SEGMENTS} segments are consistent"
    assert any(consistent in finding["summary"] for finding in found)


def test_an_unreachable_store_cannot_be_checked(tams: Run) -> None:
    assert "cannot check" in tams("doctor", url="http://127.0.0.1:9", code=2).stderr
