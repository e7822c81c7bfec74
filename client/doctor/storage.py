"""Checks object storage as clients use it: stores, reads and releases a probe object on each backend."""

import secrets
import uuid
from typing import Final
from urllib.parse import urlsplit

import httpx
from mediatimestamp import TimeRange

from client.api import ApiError, HttpRequest, NewSegment, StorageBackend, TamsClient
from client.api.models import Document
from client.doctor.clocks import compare
from client.doctor.findings import Finding, fine, problem, unchecked

_ORIGIN: Final = "https://player.example"
_NETWORK: Final = "check the backend's public_endpoint_url: clients must be able to reach it"
_REFUSED: Final = "check the backend's keys and bucket policy, and the clocks of media and storage"
_CORS: Final = "if web pages play media, set cors_origins of the backend or the CORS rules of the bucket"


async def check(store: TamsClient, http: httpx.AsyncClient) -> list[Finding]:
    """Check each storage backend."""
    try:
        backends = await store.storage_backends()
    except ApiError as error:
        return [unchecked("storage", str(error), "read the log of the media service")]
    if not backends:
        return [problem("storage", "there is no storage backend", "set TAMS_MEDIA_STORAGE_CONFIG")]
    flow_id = str(uuid.uuid4())
    try:
        await store.put_flow(_flow(flow_id))
        try:
            probes = [_Probe(store, http, flow_id, backend) for backend in backends]
            return [finding for probe in probes for finding in await probe.run()]
        finally:
            await store.delete_flow(flow_id)
    except ApiError as error:
        return [unchecked("storage", f"no probe is possible: {error}", "fix the other problems first")]


def _flow(flow_id: str) -> Document:
    return {
        "id": flow_id,
        "source_id": str(uuid.uuid4()),
        "format": "urn:x-nmos:format:data",
        "label": "Probe of tams doctor, deleted after the check",
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
            return [problem(self._name, str(error), "read the log of the media service")]
        except httpx.RequestError as error:
            return [problem(self._name, f"cannot be reached: {str(error) or type(error).__name__}", _NETWORK)]

    async def _run(self) -> list[Finding]:
        (object_,) = await self._store.allocate_storage(self._flow_id, limit=1, storage_id=self._backend.id)
        findings = await self._preflight(object_.put_url)
        content = secrets.token_bytes(64)
        headers = object_.put_url.all_headers()
        stored = await self._http.put(object_.put_url.url, content=content, headers=headers)
        findings += compare(
            "clock", f"{self._name} ({urlsplit(object_.put_url.url).netloc})", stored.headers.get("date")
        )
        if stored.is_error:
            return [*findings, self._refused("PUT", stored)]
        return findings + await self._read(object_.object_id, content)

    async def _preflight(self, put_url: HttpRequest) -> list[Finding]:
        headers = ",".join(sorted(name.lower() for name in put_url.all_headers()))
        preflight = {"Origin": _ORIGIN, "Access-Control-Request-Method": "PUT"}
        if headers:
            preflight["Access-Control-Request-Headers"] = headers
        answer = await self._http.options(put_url.url, headers=preflight)
        if not answer.is_error and answer.headers.get("access-control-allow-origin") in {"*", _ORIGIN}:
            return [fine(self._name, "web pages of other origins may use its URLs (CORS)")]
        return [
            problem(
                self._name, f"the bucket refuses web pages of other origins ({answer.status_code})", _CORS
            )
        ]

    async def _read(self, object_id: str, content: bytes) -> list[Finding]:
        segment = NewSegment(object_id=object_id, timerange=TimeRange.from_str(self._range()))
        if refused := await self._store.create_segments(self._flow_id, [segment]):
            return [
                problem(
                    self._name,
                    f"the store refuses the probe segment: {refused[0]}",
                    "read the log of metadata",
                )
            ]
        urls = [
            url.url
            async for segment in self._store.segments(self._flow_id, object_id=object_id)
            for url in segment.get_urls
        ]
        if not urls:
            return [problem(self._name, "the stored object has no URL to read it", "read the log of media")]
        read = await self._http.get(urls[0])
        if read.is_error:
            return [self._refused("GET", read)]
        if read.content != content:
            return [
                problem(
                    self._name,
                    "it returns other bytes than were stored",
                    "check which server answers at this address",
                )
            ]
        return [fine(self._name, "it stores and returns a probe object through signed URLs")]

    def _refused(self, method: str, answer: httpx.Response) -> Finding:
        return problem(self._name, f"a signed {method} is refused with {answer.status_code}", _REFUSED)

    @staticmethod
    def _range() -> str:
        at = secrets.randbelow(10**9)
        return f"[{at}:0_{at + 1}:0)"
