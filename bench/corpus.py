"""The data of the benchmarks: flows, reserved objects, and segments of one second each."""

import asyncio
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from grpc import aio
from tams.metadata.v1.flow_service_pb2 import PutFlowRequest
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub
from tams.metadata.v1.object_copy_service_pb2 import BeginObjectCopiesRequest, FinishObjectCopiesRequest
from tams.metadata.v1.object_copy_service_pb2_grpc import ObjectCopyServiceStub
from tams.metadata.v1.object_pb2 import ObjectLocation
from tams.metadata.v1.object_service_pb2 import ReserveObjectsRequest
from tams.metadata.v1.object_service_pb2_grpc import ObjectServiceStub
from tams.metadata.v1.segment_pb2 import NewSegments
from tams.metadata.v1.segment_service_pb2 import CreateSegmentsRequest
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub

from bench.running.system import COPIES_ID, STORAGE_ID
from services.shared.ids import new_object_id
from services.shared.timerange import NS

_SERVICE: Final = "/tams.metadata.v1"
GET_FLOW: Final = f"{_SERVICE}.FlowService/GetFlow"
LIST_SEGMENTS: Final = f"{_SERVICE}.SegmentService/ListSegments"
CREATE_SEGMENTS: Final = f"{_SERVICE}.SegmentService/CreateSegments"

# Items of one call, well below the limits of the services.
_RESERVED_AT_ONCE: Final = 1000
_CREATED_AT_ONCE: Final = 5000
_CALLS_AT_ONCE: Final = 2


def flow_document(
    flow_id: str, tags: Mapping[str, str] | None = None, *, container: str = "video/mp2t"
) -> bytes:
    """The document of a video flow of about 1 kB, with additional tags if some are given."""
    document: dict[str, Any] = {
        "id": flow_id,
        "source_id": str(uuid.uuid4()),
        "format": "urn:x-nmos:format:video",
        "label": "Camera 2, centre court, morning session",
        "description": "Programme feed as recorded, before grading",
        "created_by": "recorder",
        "tags": {
            "location": "centre court",
            "camera": "2",
            "event": "morning session",
            "_operator": "desk 4",
            **(tags or {}),
        },
        "codec": "video/h264",
        "container": container,
        "avg_bit_rate": 5_000_000,
        "max_bit_rate": 8_000_000,
        "generation": 0,
        "segment_duration": {"numerator": 1, "denominator": 1},
        "essence_parameters": {
            "frame_rate": {"numerator": 25, "denominator": 1},
            "frame_width": 1920,
            "frame_height": 1080,
            "bit_depth": 8,
            "interlace_mode": "progressive",
            "colorspace": "BT709",
            "transfer_characteristic": "SDR",
            "aspect_ratio": {"numerator": 16, "denominator": 9},
            "component_type": "YCbCr",
            "horiz_chroma_subs": 2,
            "vert_chroma_subs": 2,
            "avc_parameters": {"profile": 100, "level": 40, "flags": 0},
        },
    }
    return json.dumps(document).encode()


class Metadata:
    """Fills a running metadata service."""

    def __init__(self, channel: aio.Channel) -> None:
        self._flows = FlowServiceStub(channel)
        self._objects = ObjectServiceStub(channel)
        self._copies = ObjectCopyServiceStub(channel)
        self._segments = SegmentServiceStub(channel)

    async def new_flow(self, container: str = "video/mp2t") -> str:
        """Create a flow of objects in a container; returns its id."""
        flow_id = str(uuid.uuid4())
        document = flow_document(flow_id, container=container)
        await self._flows.PutFlow(PutFlowRequest(id=flow_id, document=document))
        return flow_id

    async def reserve(self, flow_id: str, count: int) -> list[str]:
        """Reserve new objects of a flow; returns their ids."""
        ids = [new_object_id() for _ in range(count)]
        for batch in _batches(ids, _RESERVED_AT_ONCE):
            objects = [
                ObjectLocation(object_id=object_id, storage_id=STORAGE_ID, storage_path=f"bench/{object_id}")
                for object_id in batch
            ]
            await self._objects.ReserveObjects(ReserveObjectsRequest(flow_id=flow_id, objects=objects))
        return ids

    async def copy(self, keys: Sequence[str]) -> None:
        """Have the registry know a stored copy of each object, by its key. There are no bytes."""
        for batch in _batches([key.removeprefix("bench/") for key in keys], _RESERVED_AT_ONCE):
            copies = [
                ObjectLocation(object_id=object_id, storage_id=COPIES_ID, storage_path=f"copies/{object_id}")
                for object_id in batch
            ]
            await self._copies.BeginObjectCopies(BeginObjectCopiesRequest(copies=copies))
            reply = await self._copies.FinishObjectCopies(FinishObjectCopiesRequest(copies=copies))
            if failures := [each.failure for each in reply.results if each.HasField("failure")]:
                raise RuntimeError(f"a copy was refused: {failures[0].summary}")

    async def fill(self, flow_id: str, count: int) -> list[str]:
        """Append segments from 0:0 on, each with an object of its own; returns the keys of the objects."""
        places = asyncio.Semaphore(_CALLS_AT_ONCE)

        async def add(first: int, size: int) -> list[str]:
            async with places:
                ids = await self.reserve(flow_id, size)
                await self._create(flow_id, first, ids)
                return [f"bench/{object_id}" for object_id in ids]

        parts = [(first, min(_CREATED_AT_ONCE, count - first)) for first in range(0, count, _CREATED_AT_ONCE)]
        keys = await asyncio.gather(*(add(first, size) for first, size in parts))
        return list(chain.from_iterable(keys))

    async def _create(self, flow_id: str, first: int, object_ids: Sequence[str]) -> None:
        request = create_request(flow_id, first, object_ids)
        reply = await self._segments.CreateSegments(request)
        if reply.failures:
            raise RuntimeError(f"a segment was refused: {reply.failures[0].failure.summary}")


def create_request(flow_id: str, first: int, object_ids: Sequence[str]) -> CreateSegmentsRequest:
    """The request for segments of one second each. The first one starts at the second `first`."""
    count = len(object_ids)
    starts = range(first * NS, (first + count) * NS, NS)
    segments = NewSegments(
        object_ids=object_ids,
        starts_ns=starts,
        ends_ns=[start + NS for start in starts],
        sample_counts=[25] * count,
        key_frame_counts=[1] * count,
    )
    return CreateSegmentsRequest(flow_id=flow_id, segments=segments)


def segment_json(second: int, object_id: str) -> dict[str, Any]:
    """A segment as a client posts it."""
    return {
        "object_id": object_id,
        "timerange": f"[{second}:0_{second + 1}:0)",
        "ts_offset": "0:0",
        "sample_offset": 0,
        "sample_count": 25,
        "key_frame_count": 1,
    }


def http_request(
    method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a request on a persistent connection."""
    head = f"{method} {target} HTTP/1.1\r\nhost: bench\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[first : first + size] for first in range(0, len(items), size))
