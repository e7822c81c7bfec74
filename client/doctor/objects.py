"""Checks that registered objects are stored: those of some segments of some flows."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Final

import httpx

from client.api import ApiError, TamsClient
from client.doctor.findings import Finding, fine, problem, unchecked

_CHECK: Final = "objects"
_FLOWS: Final = 20
# The answer to a request for the first byte of an empty object.
_NO_FIRST_BYTE: Final = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
# At each end of a flow.
_SEGMENTS: Final = 25
_SIDE_BY_SIDE: Final = 8
_GONE: Final = (
    "if they were never uploaded, delete their segments; if object storage lost them, restore its files "
    "from a backup made at the same time as that of the tables"
)


async def check(store: TamsClient, http: httpx.AsyncClient) -> list[Finding]:
    """Check the oldest and the newest objects of some flows."""
    checked = 0
    missing: list[str] = []
    refused: list[int] = []
    slots = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def check_object(object_id: str, url: str) -> None:
        async with slots:
            status = await _status(http, url)
        if status == HTTPStatus.NOT_FOUND:
            missing.append(object_id)
        elif status >= HTTPStatus.BAD_REQUEST and status != _NO_FIRST_BYTE:
            refused.append(status)

    try:
        async for urls in _sample_urls(store):
            checked += len(urls)
            await asyncio.gather(*(check_object(object_id, url) for object_id, url in urls.items()))
    except (ApiError, httpx.RequestError, httpx.InvalidURL) as error:
        return [unchecked(_CHECK, f"they cannot be checked: {error}", "fix the other problems first")]
    return _findings(checked, missing, refused)


def _findings(checked: int, missing: Sequence[str], refused: Sequence[int]) -> list[Finding]:
    findings = []
    if missing:
        summary = f"{len(missing)} of {checked} are missing, such as {missing[0]}"
        findings.append(problem(_CHECK, summary, _GONE))
    if refused:
        summary = f"object storage refuses to read {len(refused)} of {checked} with status {refused[0]}"
        findings.append(unchecked(_CHECK, summary, "check the log and the permissions of object storage"))
    if findings:
        return findings
    return [
        fine(_CHECK, f"{checked} of {checked} are stored" if checked else "there are no objects to check")
    ]


async def _sample_urls(store: TamsClient) -> AsyncIterator[dict[str, str]]:
    """For some flows: signed URLs of the objects at both ends, by object id."""
    flows = 0
    async for flow in store.flows(limit=_FLOWS):
        yield await _ends(store, flow.id, newest_first=False) | await _ends(store, flow.id, newest_first=True)
        flows += 1
        if flows == _FLOWS:
            return


async def _ends(store: TamsClient, flow_id: str, *, newest_first: bool) -> dict[str, str]:
    urls: dict[str, str] = {}
    count = 0
    async for segment in store.segments(flow_id, limit=_SEGMENTS, reverse_order=newest_first):
        signed = [url.url for url in segment.get_urls if url.presigned and url.controlled]
        if signed:
            urls[segment.object_id] = signed[0]
        count += 1
        if count == _SEGMENTS:
            break
    return urls


async def _status(http: httpx.AsyncClient, url: str) -> int:
    # Storage that ignores ranges would send the whole object.
    async with http.stream("GET", url, headers={"Range": "bytes=0-0"}) as answer:
        return answer.status_code
