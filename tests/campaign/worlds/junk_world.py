"""Invalid requests: each is refused with a reason, and changes nothing."""

import asyncio
import json
import random
from collections.abc import Set
from typing import Any
from urllib.parse import urlsplit

from tests.campaign.events.ledger import Ledger
from tests.campaign.store.channels import Channel
from tests.campaign.worlds import junk
from tests.campaign.worlds.world import World
from tests.support.services.gateway import a_flow, a_segment, new_id


class JunkWorld(World):
    """A flow that receives invalid requests and stays unchanged."""

    weight = 2

    def __init__(self, channel: Channel, numbers: random.Random, url: str, ledger: Ledger) -> None:
        super().__init__(channel)
        self._numbers = numbers
        self._address = urlsplit(url)
        self._flow = a_flow(label="kept")
        self._path = f"/flows/{self._flow['id']}"
        self._exists = False
        self._stored: Any = None
        ledger.ignore(self.every_id())

    async def begin(self) -> None:
        """Store the flow and a segment."""
        response = await self.channel.request("PUT", self._path, json=self._flow)
        assert response.status_code == 201, response.text
        self._exists = True
        response = await self.channel.post(f"{self._path}/segments", json=a_segment())
        assert response.status_code == 201, response.text
        self._stored = await self._read()

    async def step(self) -> None:
        """Send a random invalid request."""
        await self._numbers.choice(
            [
                self._send_body,
                self._send_body,
                self._send_query,
                self._send_to_path,
                self._send_mistyped,
                self._send_raw,
            ]
        )()
        if self._numbers.random() < 0.2:
            await self.compare()

    async def settle(self) -> None:
        """Restore the flow."""
        await self._restore()

    async def compare(self) -> None:
        """Check that the flow is unchanged."""
        now = await self._read()
        assert now == self._stored, f"junk has changed {self._stored} to {now}"

    def flows(self) -> Set[str]:
        """The flow."""
        return {self._flow["id"]} if self._exists else set()

    def sources(self) -> Set[str]:
        """The source of the flow."""
        return {self._flow["source_id"]} if self._exists else set()

    def every_id(self) -> set[str]:
        """The flow and its source."""
        return {self._flow["id"], self._flow["source_id"]}

    async def _read(self) -> Any:
        flow = (await self.channel.get(self._path, params={"include_timerange": "true"})).json()
        segments = (await self.channel.get(f"{self._path}/segments")).json()
        return flow, segments

    async def _send_body(self) -> None:
        method, path = self._numbers.choice(
            [
                ("PUT", self._path), ("POST", f"{self._path}/segments"), ("PUT", f"{self._path}/label"),
                ("PUT", f"{self._path}/flow_collection"), ("PUT", f"{self._path}/max_bit_rate"),
                ("POST", "/service/webhooks"), ("POST", "/x/flows/batch"), ("POST", "/x/admin/loads"),
                ("PUT", f"{self._path}/tags/x"), ("PUT", f"{self._path}/read_only"),
            ]
        )  # fmt: skip
        content = self._numbers.choice(junk.BODIES)
        if junk.is_valid(path, content):
            return
        headers = {"content-type": self._numbers.choice(junk.TYPES)}
        response = await self.channel.request(method, path, content=content, headers=headers)
        assert response.is_client_error, f"{method} {path} {content[:60]!r}: {response.status_code}"

    async def _send_query(self) -> None:
        path = self._numbers.choice(
            [self._path, f"{self._path}/segments", "/flows", "/sources", "/objects/x"]
        )
        query = self._numbers.choice(junk.QUERIES)
        response = await self.channel.get(f"{path}?{query}")
        assert response.status_code in (200, 400, 404, 414), f"{path}?{query}: {response.status_code}"

    async def _send_to_path(self) -> None:
        path = self._numbers.choice(junk.PATHS).format(new_id())
        method = self._numbers.choice(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"])
        response = await self.channel.request(
            method, path, **({"content": b"{}"} if method in ("PUT", "POST") else {})
        )
        assert response.is_client_error, f"{method} {path}: {response.status_code}"

    async def _send_mistyped(self) -> None:
        """Send a flow document or segment with a member of a wrong type."""
        document = self._numbers.choice([dict(self._flow), a_segment(50, 60)])
        name = self._numbers.choice([member for member in document if member not in ("label", "get_urls")])
        document[name] = self._numbers.choice([None, [], {}, 5, -1, True, "\x00", [[[]]]])
        path, method = (self._path, "PUT") if "source_id" in document else (f"{self._path}/segments", "POST")
        response = await self.channel.request(method, path, content=json.dumps(document).encode())
        if name in ("container", "object_id", "essence_parameters") and response.is_success:
            # A client may choose this value, so the request is valid. The old value is restored.
            await self._restore()
            return
        assert response.is_client_error, f"{method} {path} {name}={document[name]!r}: {response.status_code}"

    async def _restore(self) -> None:
        await self.channel.request("PUT", self._path, json=self._flow)
        await self.channel.request("DELETE", f"{self._path}/segments", params={"timerange": "[50:0_60:0)"})
        self._stored = await self._read()

    async def _send_raw(self) -> None:
        """Send bytes that are not HTTP. The connection ends without further effect."""
        sent = self._numbers.choice(junk.RAW)
        self.channel.history.append(f"raw {sent[:80]!r}")
        try:
            reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        except OSError:
            return
        try:
            writer.write(sent)
            await asyncio.wait_for(reader.read(200), 1)
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()
