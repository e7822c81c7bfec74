"""Object storage, as clients meet it: a probe object is stored, read and given up on each backend."""

import secrets
import uuid
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from mediatimestamp import TimeRange

from client.api import ApiError, HttpRequest, NewSegment, StorageBackend, TamsClient
from client.doctor.clocks import compare
from client.doctor.findings import Finding, fine, problem, unchecked

_ORIGIN: Final = "https://player.example"
_NETWORK: Final = "look at the backend's public_endpoint_url: clients must reach it from here"
_REFUSED: Final = "look at the backend's keys and bucket policy, and at the clocks of media and storage"
_CORS: Final = "set cors_origins of the backend, or the bucket's CORS rules, if pages in browsers play media"


async def check(store: TamsClient, http: httpx.AsyncClient) -> list[Finding]:
    """What is wrong with each storage backend."""
    try:
        backends = await store.storage_backends()
    except ApiError as error:
        return [unchecked("storage", str(error), "look at the log of the media service")]
    if not backends:
        return [problem("storage", "there is no storage backend", "set TAMS_MEDIA_STORAGE_CONFIG")]
    flow_id = str(uuid.uuid4())
    try:
        await store.put_flow(_flow(flow_id))
        try:
            return [finding for one in backends for finding in await _Probe(store, http, flow_id, one).run()]
        finally:
            await store.delete_flow(flow_id)
    except ApiError as error:
        return [unchecked("storage", f"no probe is possible: {error}", "mend what else was found first")]


def _flow(flow_id: str) -> dict[str, Any]:
    return {
        "id": flow_id,
        "source_id": str(uuid.uuid4()),
        "format": "urn:x-nmos:format:data",
        "label": "Probe of tams doctor, deleted when it is done",
        "codec": "application/octet-stream",
        "container": "application/octet-stream",
        "essence_parameters": {},
    }


class _Probe:
    def __init__(
        self, store: TamsClient, http: httpx.AsyncClient, flow_id: str, backend: StorageBackend
    ) -> None:
        self._store = store
        self._http = http
        self._flow_id = flow_id
        self._backend = backend
        self._name = f"storage {backend.label or backend.id}"

    async def run(self) -> list[Finding]:
        try:
            return await self._run()
        except ApiError as error:
            return [problem(self._name, str(error), "look at the log of the media service")]
        except httpx.RequestError as error:
            return [problem(self._name, f"cannot be reached: {str(error) or type(error).__name__}", _NETWORK)]

    async def _run(self) -> list[Finding]:
        (object_,) = await self._store.allocate_storage(self._flow_id, limit=1, storage_id=self._backend.id)
        findings = await self._preflight(object_.put_url)
        content = secrets.token_bytes(64)
        headers = dict(object_.put_url.headers)
        if object_.put_url.content_type is not None:
            headers["Content-Type"] = object_.put_url.content_type
        stored = await self._http.put(object_.put_url.url, content=content, headers=headers)
        findings += compare(
            "clock", f"{self._name} ({urlsplit(object_.put_url.url).netloc})", stored.headers.get("date")
        )
        if stored.is_error:
            return [*findings, self._refused("PUT", stored)]
        return findings + await self._read(object_.object_id, content)

    async def _preflight(self, put_url: HttpRequest) -> list[Finding]:
        asked = {"Origin": _ORIGIN, "Access-Control-Request-Method": "PUT"}
        answer = await self._http.options(put_url.url, headers=asked)
        if not answer.is_error and answer.headers.get("access-control-allow-origin") in {"*", _ORIGIN}:
            return [fine(self._name, "pages of other origins may use its URLs (CORS)")]
        return [
            problem(self._name, f"the bucket refuses pages of other origins ({answer.status_code})", _CORS)
        ]

    async def _read(self, object_id: str, content: bytes) -> list[Finding]:
        segment = NewSegment(object_id=object_id, timerange=TimeRange.from_str(self._range()))
        if refused := await self._store.create_segments(self._flow_id, [segment]):
            return [problem(self._name, f"the probe is refused: {refused[0]}", "look at the log of metadata")]
        urls = [
            url.url
            async for one in self._store.segments(self._flow_id, object_id=object_id)
            for url in one.get_urls
        ]
        if not urls:
            return [
                problem(self._name, "a stored object gets no URL to read it by", "look at the log of media")
            ]
        read = await self._http.get(urls[0])
        if read.is_error:
            return [self._refused("GET", read)]
        if read.content != content:
            return [problem(self._name, "it returns other bytes than were stored", "look what answers there")]
        return [fine(self._name, "it stores and returns a probe object through signed URLs")]

    def _refused(self, method: str, answer: httpx.Response) -> Finding:
        return problem(self._name, f"a signed {method} is refused with {answer.status_code}", _REFUSED)

    @staticmethod
    def _range() -> str:
        at = secrets.randbelow(10**9)
        return f"[{at}:0_{at + 1}:0)"
