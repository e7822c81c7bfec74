"""A flow that is changed through one gateway and read through two, to check the lag of reads."""

import random
import time
from collections.abc import Set
from typing import Final

from tests.campaign.events.ledger import Ledger
from tests.campaign.store.channels import Channel, Unknown
from tests.campaign.worlds.world import World
from tests.support.services.gateway import a_flow, new_id

# The time for which a metadata process may show the old row after another process has changed it: the default
# of the setting.
LAG_SECONDS: Final = 1.0


class FreshFlow(World):
    """A flow whose labels count up and whose segments follow one another, so that each read shows its age."""

    weight = 3

    def __init__(self, channel: Channel, other: Channel, numbers: random.Random, ledger: Ledger) -> None:
        super().__init__(channel)
        self._shown = {channel: 0, other: 0}
        self._numbers = numbers
        self._flow = a_flow()
        self._path = f"/flows/{self._flow['id']}"
        self._exists = False
        self._sent = 0
        # The last confirmed label, and the time of its answer.
        self._confirmed, self._confirmed_at = 0, 0.0
        self._second = 0
        ledger.watch(self._flow["id"], lambda _event: None)
        ledger.ignore([self._flow["source_id"]])

    async def begin(self) -> None:
        """Store the flow."""
        response = await self.channel.request("PUT", self._path, json=self._flow | {"label": "0"})
        assert response.status_code in (201, 204), response.text
        self._exists = True
        self._confirmed_at = time.monotonic()

    async def step(self) -> None:
        """Change the flow, then read it through both gateways."""
        change = self._numbers.choice([self._relabel, self._extend])
        try:
            await change()
        except Unknown:
            return  # both outcomes stay possible
        for channel in self._numbers.sample(list(self._shown), 2):
            await self._read(channel)

    async def compare(self) -> None:
        """Check that both gateways show the last label."""
        for channel in self._shown:
            await self._read(channel)

    def flows(self) -> Set[str]:
        """The flow."""
        return {self._flow["id"]} if self._exists else set()

    def sources(self) -> Set[str]:
        """The source of the flow."""
        return {self._flow["source_id"]} if self._exists else set()

    def every_id(self) -> set[str]:
        """The flow and its source."""
        return {self._flow["id"], self._flow["source_id"]}

    async def _relabel(self) -> None:
        self._sent += 1
        label = self._sent
        response = await self.channel.request("PUT", f"{self._path}/label", json=str(label))
        assert response.status_code == 204, response.text
        self._confirmed, self._confirmed_at = label, time.monotonic()

    async def _extend(self) -> None:
        """Register a segment, and check that both gateways find it at once by a range within it."""
        first = self._second
        end = self._second = first + self._numbers.choice([1, 1, 10, 100])
        body = {
            "object_id": (name := new_id()),
            "timerange": f"[{first}:0_{end}:0)",
            "get_urls": [{"url": f"https://elsewhere.example/{name}"}],
        }
        response = await self.channel.post(f"{self._path}/segments", json=body)
        assert response.status_code == 201, response.text
        within = {"timerange": f"[{end - 1}:500000000_{end - 1}:600000000)", "accept_get_urls": ""}
        for channel in self._numbers.sample(list(self._shown), 2):
            found = (await channel.get(f"{self._path}/segments", params=within)).json()
            assert [segment["object_id"] for segment in found] == [name], (
                f"{channel.name}: {within} finds {found}"
            )

    async def _read(self, channel: Channel) -> None:
        confirmed, age = self._confirmed, time.monotonic() - self._confirmed_at
        label = int((await channel.get(self._path)).json()["label"])
        shown = f"{channel.name} shows label {label}"
        assert label >= self._shown[channel], f"{shown} after {self._shown[channel]}"
        assert label <= self._sent, f"{shown}, which no client sent"
        if channel is self.channel or age > LAG_SECONDS:
            assert label >= confirmed, f"{shown}, {confirmed} was confirmed {age:.2f} s before"
        self._shown[channel] = label
