"""Gathers the parts of a bundle one after the other. A part that cannot be read becomes a fault."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from client.api import ApiError, TamsClient, Target
from client.api.connection import open_http
from client.doctor import Finding, Scope, examine
from client.local.public_settings import hidden, public
from client.support import logs, machine
from client.support.bundle import Bundle
from client.support.scrubbing import Scrubber, known_secrets
from client.top.scraping import Scrape, scrape_all

_SECONDS: Final = 60.0
_MAX_FINDINGS: Final = 200
_MAX_ANSWER_BYTES: Final = 1024 * 1024
_FLOWS: Final = 100
_SEGMENTS: Final = 10_000


@dataclass(frozen=True)
class Subject:
    """The store that the bundle describes. `settings` are those of the running store, as it noted them."""

    target: Target
    data_dir: Path
    metrics: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    doctor: bool = True


def write(path: Path, subject: Subject) -> list[str]:
    """Write a bundle to a new file. Returns what is missing in it. OSError if it cannot be written."""
    shown = {**public(subject.env), **subject.settings}
    secrets = known_secrets(hidden(subject.env), shown, subject.data_dir / "secrets")
    with Bundle(path, Scrubber(secrets)) as bundle:
        return asyncio.run(_Gathering(subject, bundle).run())


class _Gathering:
    def __init__(self, subject: Subject, bundle: Bundle) -> None:
        self._subject = subject
        self._bundle = bundle
        self._faults: list[str] = []

    async def run(self) -> list[str]:
        data_dir = self._subject.data_dir
        self._bundle.add("machine.json", machine.facts(data_dir))
        self._bundle.add("packages.txt", machine.packages())
        self._bundle.add("settings.json", self._settings())
        self._local("files.json", lambda: {"files.json": machine.listing(data_dir)})
        self._local("logs", lambda: _in_folder("logs", logs.last_lines(data_dir / "logs")))
        async with open_http(self._subject.target) as http:
            for path in ("/ready", "/health", "/health/details"):
                await self._remote(path, lambda path=path: self._health(http, path))  # type: ignore[misc]
            await self._metrics(http)
        if self._subject.doctor:
            await self._remote("doctor", self._doctor)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        self._bundle.add("bundle.json", {"made": made, "missing": self._faults})
        return self._faults

    def _settings(self) -> dict[str, object]:
        env = self._subject.env
        return {
            "of_the_running_store": self._subject.settings,
            "of_this_shell": public(env),
            "set_here_and_not_shown": list(hidden(env)),
        }

    def _local(self, name: str, read: Callable[[], Mapping[str, object]]) -> None:
        try:
            for file, content in read().items():
                self._bundle.add(file, content)
        except OSError as error:
            self._faults.append(f"{name}: {error.strerror}: {error.filename}")

    async def _remote(self, name: str, ask: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                await ask()
        except TimeoutError:
            self._faults.append(f"{name}: not done within {_SECONDS:.0f} s")
        except (ApiError, httpx.HTTPError, ValueError) as error:
            self._faults.append(f"{name}: {str(error) or type(error).__name__}")

    async def _health(self, http: httpx.AsyncClient, path: str) -> None:
        url = self._subject.target.url + path
        answer = await http.get(url, headers=await self._subject.target.headers_for(url))
        text = answer.content[:_MAX_ANSWER_BYTES].decode(errors="replace")
        self._bundle.add(f"{path.strip('/').replace('/', '-')}.json", f"{text}\n")
        if answer.status_code in {401, 403}:
            self._faults.append(f"{path}: it needs credentials (status {answer.status_code})")

    async def _metrics(self, http: httpx.AsyncClient) -> None:
        in_force: dict[str, dict[str, str]] = {}
        for scrape in await scrape_all(http, self._subject.metrics):
            if scrape.fault:
                self._faults.append(f"metrics of {scrape.name}: {scrape.fault}")
            else:
                self._bundle.add(f"metrics/{scrape.name.replace('/', '_')}.txt", scrape.text)
                in_force[scrape.name] = _settings_in_force(scrape)
        self._bundle.add("runtime-settings.json", in_force)

    async def _doctor(self) -> None:
        """Without the probe, which would write; of some rows, as a large store has many."""
        findings: list[Finding] = []
        try:
            async with TamsClient(self._subject.target, attempts=1) as store:
                async for finding in examine(store, Scope(_FLOWS, _SEGMENTS), probe=False):
                    if len(findings) < _MAX_FINDINGS:
                        findings.append(finding)
        finally:
            self._bundle.add("doctor.json", findings)


def _settings_in_force(scrape: Scrape) -> dict[str, str]:
    """The settings of a process that may change while it runs. None of them is a secret."""
    found = (labels for labels, _ in scrape.samples.get("tams_setting_info", ()))
    return {
        labels["setting"]: labels["value"] for labels in found if "setting" in labels and "value" in labels
    }


def _in_folder(folder: str, files: Mapping[str, str]) -> dict[str, object]:
    return {f"{folder}/{name}": text for name, text in files.items()}
