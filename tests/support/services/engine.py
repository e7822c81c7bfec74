"""The table engine of the services under test: `pytest --engine sqlite` or `--engine vast`."""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from simulators.vast.server import Server
from tests.support.vast.clusters import KEYS, address_of, vast_server

ENGINES = ("sqlite", "vast")


class Engine:
    """The engine of a test run. A VAST server is started at the first use and serves all tests."""

    def __init__(self) -> None:
        self.name = "sqlite"
        self._stack = ExitStack()
        self._server: Server | None = None

    def settings(self, folder: Path) -> Mapping[str, str]:
        """Settings that name the tables that belong to a folder, by field."""
        if self.name == "sqlite":
            return {"store_url": f"sqlite:///{folder / 'tams.db'}"}
        if self._server is None:
            self._server = self._stack.enter_context(vast_server())
        schema = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        address = address_of(self._server.urls, schema)
        hosts = ",".join(url.removeprefix("http://") for url in address.endpoints)
        return {
            "store_url": f"vast://{hosts}/{address.bucket}/{schema}?tls=false",
            "vast_access_key": KEYS.access_key,
            "vast_secret_key": KEYS.secret_key,
        }

    def environment(self, folder: Path) -> Mapping[str, str]:
        """The same settings as environment variables."""
        return {f"TAMS_{name.upper()}": value for name, value in self.settings(folder).items()}

    def close(self) -> None:
        """Stop the VAST server, if it was started."""
        self._stack.close()


ENGINE = Engine()
