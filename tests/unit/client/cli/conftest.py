import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from client.cli import main
from tests.support.scripted_server import scripted_server


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


@pytest.fixture
def tams(server, monkeypatch, capsys) -> Iterator[Callable[..., Ran]]:
    """Runs the command against the scripted server, in a terminal of 80 columns."""
    monkeypatch.setenv("TAMS_URL", server.url)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = capsys.readouterr()
        return Ran(int(ended.value.code or 0), told.out, told.err)

    return run
