import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from client.cli import main
from tests.support.http.scripted_server import ScriptedServer, scripted_server


@dataclass(frozen=True)
class Result:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def tams(
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Callable[..., Result]:
    """Runs `tams` with the scripted server as its store, in a terminal of 80 columns."""
    monkeypatch.setenv("TAMS_URL", server.url)
    monkeypatch.setenv("COLUMNS", "80")
    # Without the profiles and the credentials of the developer.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in (
        "PROFILE",
        "TOKEN",
        "TOKEN_FILE",
        "API_KEY",
        "API_KEY_FILE",
        "USER",
        "PASSWORD",
        "PASSWORD_FILE",
    ):
        monkeypatch.delenv(f"TAMS_{name}", raising=False)
    monkeypatch.delenv("TAMS_CA_FILE", raising=False)

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        output = capsys.readouterr()
        return Result(int(ended.value.code or 0), output.out, output.err)

    return run
