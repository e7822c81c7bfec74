import json
import ssl
import subprocess
import sys
from pathlib import Path

SHOW = "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv]))"


def test_the_command_runs_with_protection_in_its_environment(tmp_path: Path) -> None:
    command = (
        sys.executable,
        "-m",
        "client.local.storage.protection",
        sys.executable,
        "-c",
        SHOW,
        "-dir=/data",
    )
    finished = subprocess.run(
        command, capture_output=True, check=True, env={"TMPDIR": str(tmp_path), "OWN": "1"}
    )
    env, arguments = json.loads(finished.stdout)

    certificate = Path(env["WEED_GRPC_CA"])
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate)
    assert certificate.stat().st_mode & 0o777 == 0o600
    assert certificate.parent.stat().st_mode & 0o777 == 0o700
    assert env["WEED_GRPC_FILER_KEY"] == env["WEED_HTTPS_MASTER_CERT"] == str(certificate)
    assert (env["OWN"], arguments) == ("1", ["-c", "-dir=/data"])
