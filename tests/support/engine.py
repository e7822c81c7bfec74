"""Which table engine the services under test run on: `pytest --engine sqlite` or `--engine vast`."""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.support.vast import KEYS, address_of, vast_server
from tests.vast.server import Server

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
        """The same as environment variables."""
        return {f"TAMS_{name.upper()}": value for name, value in self.settings(folder).items()}

    def close(self) -> None:
        """Stop what was started."""
        self._stack.close()


ENGINE = Engine()
