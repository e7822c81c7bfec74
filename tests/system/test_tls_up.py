"""`tams up` with certificates: its parts reach each other and clients reach it, over TLS alone."""

import json
import ssl
from pathlib import Path

import httpx
import pytest

from services.shared.rpc.probe import is_serving
from tests.support.access.authority import Authority
from tests.support.processes.commands import command_env, run_tams
from tests.support.processes.system import System, running_system

pytestmark = pytest.mark.slow


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_a_store_with_certificates_serves_over_tls_alone(tmp_path: Path, authority: Authority) -> None:
    issued = authority.issue("store")
    tls = authority.environment(issued)
    https = {"TAMS_GATEWAY_TLS_CERT": str(issued.cert), "TAMS_GATEWAY_TLS_KEY": str(issued.key)}
    with running_system(tmp_path / "data", {**tls, **https}) as system:
        trusted = ssl.create_default_context(cafile=authority.file)
        assert httpx.get(f"{system.url}/health", verify=trusted, trust_env=False).status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{system.url.replace('https', 'http')}/health", trust_env=False)
        env = command_env(tmp_path / "config", TAMS_URL=system.url, TAMS_CA_FILE=str(authority.file))
        sampled = run_tams("sample", str(tmp_path / "clip.ts"), env=env)
        assert sampled.returncode == 0, sampled.stderr
        ingested = run_tams("ingest", str(tmp_path / "clip.ts"), env=env)
        assert ingested.returncode == 0, ingested.stderr
        port = json.loads((tmp_path / "data" / "ports.json").read_text())["TAMS_METADATA_PORT"]
        assert is_serving(f"127.0.0.1:{port}", "", tls)
        assert not is_serving(f"127.0.0.1:{port}")


def test_a_store_with_half_of_its_files_does_not_start(tmp_path: Path, authority: Authority) -> None:
    issued = authority.issue("store")
    system = System(tmp_path / "data", {**authority.environment(issued), "TAMS_TLS_CA": "/nowhere"}).start()
    try:
        assert system.wait() == 1
        assert "TAMS_TLS_CA: cannot read /nowhere" in system.errors()
    finally:
        system.abandon()
