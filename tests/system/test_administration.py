"""Administration, bulk loads and the doctor from the command line, against the whole system."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing

import httpx
import pytest

from tests.support.engine import ENGINES, Engine
from tests.support.system import READY_SECONDS, poll, running_system
from tests.vast import transactions

pytestmark = pytest.mark.slow

SEGMENTS = 20_000


@pytest.fixture(scope="module", params=ENGINES)
def store(request, tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("administration") / "data"
    engine = Engine()
    engine.name = request.param
    with pytest.MonkeyPatch.context() as patch, closing(engine):
        # A killed writer's rows are free again when the database gives its transaction up.
        patch.setattr(transactions, "IDLE_SECONDS", 8)
        env = engine.environment(data_dir) if request.param == "vast" else {}
        with running_system(data_dir, env) as running:
            yield running


@pytest.fixture
def tams(store):
    def run(*arguments, code=0, url=store.url):
        environment = {**os.environ, "TAMS_URL": url}
        command = [sys.executable, "-m", "client.cli", *arguments]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert code in (None, ran.returncode), ran.stderr + ran.stdout
        return ran

    return run


def rows(tams):
    return {one["name"]: one["rows"] for one in json.loads(tams("tables", "list", "--json").stdout)["tables"]}


def examined(tams, *options):
    """What the doctor finds: nothing wrong, but for what a slow machine makes slow."""
    found = json.loads(tams("doctor", *options, "--json", code=None).stdout)
    wrong = [one["summary"] for one in found if one["grade"] != "fine"]
    assert [one for one in wrong if "ms on average" not in one and "to tell its health" not in one] == []
    return found


def test_sample_data_is_loaded_checked_and_removed(tams):
    made = ("sample-data", "--sources", "6", "--flows", "9", "--segments", "2500", "--seed", "5")
    for _ in range(2):
        assert "2500 segments" in tams(*made).stderr
        held = rows(tams)
        assert (held["sources"], held["flows"], held["segments"]) == (6, 9, 2500)
    assert "choose another --seed" in tams(*made[:-4], "--segments", "10", "--seed", "5", code=1).stderr
    found = examined(tams)
    assert {"clock", "gateway", "metadata", "media", "analytics", "schema", "consistency"} <= {
        one["check"] for one in found
    }
    assert any("2500 segments" in one["summary"] for one in found)
    listed = json.loads(tams("tables", "list", "--json").stdout)
    tams("tables", "reset", code=2)
    tams("tables", "reset", "--confirm", "other", code=1)
    tams("tables", "reset", "--confirm", listed["schema"])
    assert rows(tams)["segments"] == 0


def test_columns_and_projections(tams):
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


def test_a_file_is_loaded_mended_resumed_and_rolled_back(tams, tmp_path):
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
    bad = [*segments[:1200], segments[0], *segments[1200:]]
    file.write_text("\n".join(map(json.dumps, bad)))
    tams(*load, "rollback", code=1)
    assert rows(tams)["segments"] == 0
    stopped = tams(*load, "resume", "--json", code=1)
    report = json.loads(stopped.stdout)
    assert [one["row"] for one in report["failures"]] == [1200]
    assert rows(tams)["segments"] == report["load"]["rows"] <= 1200
    file.write_text("\n".join(map(json.dumps, segments)))
    tams(*load, "resume", "--resume", report["load"]["id"])
    assert rows(tams)["segments"] == 1500
    file.write_text("\n".join(map(json.dumps, bad)))
    skipped = json.loads(tams(*load, "skip", "--json").stdout)
    assert (skipped["load"]["inserted"], skipped["failed"]) == (0, 1501)
    assert len(skipped["failures"]) == 1000


def loaded(store):
    """How many segments there are; None while nobody can tell."""
    answer = httpx.get(f"{store.url}/x/admin/tables", timeout=30)
    if not answer.is_success:
        return None
    return next(one["rows"] for one in answer.json()["tables"] if one["name"] == "segments")


def held_in_the_middle(store, loading):
    """Let a load begin and hold it; whether it was caught before its end."""
    poll(lambda: loaded(store) or loading.poll() is not None, READY_SECONDS)
    loading.send_signal(signal.SIGSTOP)
    return loading.poll() is None and (loaded(store) or 0) < SEGMENTS


def begun(store, tams, command):
    """A load that is held in the middle."""
    for _ in range(5):
        tams("tables", "reset", "--confirm", json.loads(tams("tables", "list", "--json").stdout)["schema"])
        loading = subprocess.Popen(command, env={**os.environ, "TAMS_URL": store.url})
        if held_in_the_middle(store, loading):
            return loading
        loading.send_signal(signal.SIGCONT)
        loading.wait()
    raise AssertionError("it was always over too soon")


@pytest.mark.parametrize("victim", ["metadata", "gateway", "client"])
def test_a_load_outlives_a_kill(store, tams, victim):
    """kill -9 in the middle of a load: it goes on, or is resumed, with nothing lost or doubled."""
    made = ("sample-data", "--sources", "3", "--flows", "6", "--segments", str(SEGMENTS), "--seed", "9")
    command = [sys.executable, "-m", "client.cli", *made]
    with begun(store, tams, command) as loading:
        if victim == "client":
            loading.kill()
        else:
            loading.send_signal(signal.SIGCONT)
            store.kill(victim)
    store.healthy()
    tams(*made)
    assert rows(tams)["segments"] == rows(tams)["objects"] == SEGMENTS
    found = examined(tams, "--no-probe")
    assert any(f"{SEGMENTS} segments: they agree" in one["summary"] for one in found)


def test_a_store_that_is_away_cannot_be_checked(tams):
    assert "cannot check" in tams("doctor", url="http://127.0.0.1:9", code=2).stderr
