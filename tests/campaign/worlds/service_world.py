"""The service's own resources: name, storage backends, and webhooks that are added and removed."""

import random
from typing import Any, Final

from tests.campaign.store.channels import Channel
from tests.campaign.worlds.world import World
from tests.support.services.gateway import new_id

_EVENTS: Final = ["flows/created", "flows/updated", "sources/updated", "flows/segments_added"]
_HOOKS: Final = 4


class ServiceWorld(World):
    """Names the service, and registers subscribers at unreachable addresses."""

    weight = 2

    def __init__(self, channel: Channel, numbers: random.Random, dead_url: str) -> None:
        super().__init__(channel)
        self._numbers = numbers
        self._dead_url = dead_url
        self._mark = new_id()
        self._names: list[dict[str, str]] = []
        # The registered webhooks, and the URLs that may be registered after an unknown outcome.
        self._hooks: dict[str, dict[str, Any]] = {}
        self._doubtful: set[str] = set()

    async def step(self) -> None:
        """Run a random operation."""
        operations = [self._rename, self._read, self._register, self._register, self._remove, self._list]
        await self._numbers.choice(operations)()

    async def settle(self) -> None:
        """Adopt the stored name, and remove doubtful subscribers."""
        found = (await self.channel.get("/service")).json()
        stored = {name: found[name] for name in ("name", "description")}
        assert not self._names or stored in self._names, (stored, self._names)
        self._names = [stored]
        for url in list(self._doubtful):
            await self._unregister(url)

    async def compare(self) -> None:
        """Compare the name of the service and the list of subscribers."""
        await self._read()
        await self._list()

    async def end(self) -> None:
        """Remove all subscribers."""
        for url in [*self._hooks, *self._doubtful]:
            await self._unregister(url)

    async def _rename(self) -> None:
        wanted = {
            "name": self._numbers.choice(["one", "ü \\ 二", ""]),
            "description": f"d{self._numbers.random()}",
        }
        self._names = [*self._names[-1:], wanted]
        response = await self.channel.post("/service", json=wanted)
        assert response.status_code == 200, response.text
        self._names = [wanted]

    async def _read(self) -> None:
        found = (await self.channel.get("/service")).json()
        assert found["api_version"] == "7.0"
        if self._names:
            stored = {name: found[name] for name in ("name", "description")}
            assert stored in self._names, (stored, self._names)
        (backend,) = (await self.channel.get("/service/storage-backends")).json()
        assert backend["default_storage"] is True
        usage = (await self.channel.get("/x/analytics/storage-usage")).json()["backends"]
        assert all(0 <= used["measured_objects"] <= used["objects"] for used in usage), usage
        listed = (await self.channel.get("/")).json()
        assert "flows" in listed
        for path in ("/", "/service", "/service/storage-backends", "/service/webhooks", "/flows", "/sources"):
            assert (await self.channel.request("HEAD", path)).status_code == 200

    async def _register(self) -> None:
        if len(self._hooks) >= _HOOKS:
            await self._remove()
            return
        url = f"{self._dead_url}/{self._mark}/{new_id()}"
        events = self._numbers.sample(_EVENTS, self._numbers.randint(1, 3))
        filters = {"flow_ids": [new_id()]} if self._numbers.random() < 0.8 else {}
        self._doubtful.add(url)
        response = await self.channel.post(
            "/service/webhooks", json={"url": url, "events": events, **filters}
        )
        assert response.status_code == 201, response.text
        self._doubtful.discard(url)
        self._hooks[url] = {"events": events, **filters}

    async def _remove(self) -> None:
        if self._hooks:
            await self._unregister(self._numbers.choice(list(self._hooks)))

    async def _unregister(self, url: str) -> None:
        self._hooks.pop(url, None)
        self._doubtful.add(url)
        response = await self.channel.post("/service/webhooks", json={"url": url, "events": []})
        assert response.status_code == 204, response.text
        self._doubtful.discard(url)

    async def _list(self) -> None:
        listed = (await self.channel.get("/service/webhooks")).json()
        registered = {hook["url"]: hook for hook in listed if self._mark in hook["url"]}
        found = {url: hook for url, hook in registered.items() if url not in self._doubtful}
        assert found.keys() == self._hooks.keys(), (found.keys(), self._hooks.keys())
        for url, expected in self._hooks.items():
            assert sorted(found[url]["events"]) == sorted(expected["events"]), (found[url], expected)
            assert found[url].get("flow_ids") == expected.get("flow_ids")
