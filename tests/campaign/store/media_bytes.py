"""The bytes of objects: uploaded to object storage, and compared after a download."""

import asyncio
import hashlib
import random
import time
from typing import Any, Final

import httpx

from tests.campaign.store.channels import READ_SECONDS, Channel

_LARGEST: Final = 6000
_WRITTEN: Final = (httpx.codes.OK, httpx.codes.PRECONDITION_FAILED)


class MediaBytes:
    """Uploads objects, and compares downloads by digest."""

    def __init__(self, numbers: random.Random) -> None:
        self.uploads = self.downloads = 0
        self._numbers = numbers
        self._digests: dict[str, bytes] = {}
        self._http = httpx.AsyncClient(timeout=60, trust_env=False)

    async def aclose(self) -> None:
        """Close the connections to object storage."""
        await self._http.aclose()

    async def upload(self, channel: Channel, media_objects: list[dict[str, Any]]) -> None:
        """Upload bytes to each object, and repeat until it succeeds."""
        for media_object in media_objects:
            content = self._numbers.randbytes(self._numbers.randrange(1, _LARGEST))
            put_url = media_object["put_url"]
            headers = {
                "content-type": put_url.get("content-type", "video/mp2t"),
                **put_url.get("headers", {}),
            }
            await self._repeat(channel, "PUT", put_url["url"], content=content, headers=headers)
            self._digests[media_object["object_id"]] = hashlib.sha256(content).digest()
            self.uploads += 1

    async def check(self, channel: Channel, segment: dict[str, Any]) -> None:
        """Compare the bytes of a segment, if this run uploaded them."""
        digest = self._digests.get(segment["object_id"])
        urls = [get_url["url"] for get_url in segment.get("get_urls", []) if get_url.get("presigned")]
        if digest is None:
            return
        assert urls, f"no URL leads to the bytes of {segment['object_id']!r}: {segment}"
        response = await self._repeat(channel, "GET", urls[0])
        found = hashlib.sha256(response.content).digest()
        assert found == digest, (
            f"{segment['object_id']!r} has other bytes than uploaded: {segment['timerange']}"
        )
        self.downloads += 1

    async def _repeat(self, channel: Channel, method: str, url: str, **more: Any) -> httpx.Response:
        began = time.monotonic()
        while True:
            answer = await self._once(method, url, **more)
            if isinstance(answer, httpx.Response) and answer.status_code in _WRITTEN:
                return answer
            outcome = answer if isinstance(answer, str) else f"{answer.status_code} {answer.text[:200]}"
            channel.history.append(f"{method} object storage -> {outcome}")
            # Object storage knows its volumes only a while after its start.
            assert time.monotonic() - began < READ_SECONDS, (
                f"{method} of bytes: {outcome} for {READ_SECONDS} s"
            )
            assert channel.shaken(began), f"{method} of bytes failed without a fault: {outcome}"
            await asyncio.sleep(0.5)

    async def _once(self, method: str, url: str, **more: Any) -> httpx.Response | str:
        try:
            return await self._http.request(method, url, **more)
        except httpx.TransportError as error:
            return f"{type(error).__name__} {error}"
