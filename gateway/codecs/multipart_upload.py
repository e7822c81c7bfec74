"""Uploads in parts: JSON to protobuf and back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import UNSET, Meta, UnsetType
from tams.media.v1 import multipart_upload_service_pb2 as pb

from gateway.codecs import decoding

_MAX_PARTS: Final = 10_000
_MAX_URLS: Final = 1000

_Number = Annotated[int, Meta(ge=1, le=_MAX_PARTS)]


class Upload(msgspec.Struct, frozen=True):
    """An open upload."""

    upload_id: str
    created: datetime
    expiry: datetime | UnsetType = UNSET


class NewUpload(msgspec.Struct, frozen=True):
    """An upload that has begun, and the limits of its parts."""

    upload_id: str
    min_part_bytes: int
    max_part_bytes: int
    max_parts: int
    expiry: datetime | UnsetType = UNSET


class PartNumbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parts to sign URLs of."""

    part_numbers: Annotated[list[_Number], Meta(min_length=1, max_length=_MAX_URLS)]


class PartUrl(msgspec.Struct, frozen=True):
    """The URL to PUT a part to."""

    part_number: int
    url: str


class StoredPart(msgspec.Struct, frozen=True):
    """A part that storage has."""

    part_number: int
    etag: str
    size: int


class UploadedPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part as the client sent it."""

    part_number: _Number
    etag: Annotated[str, Meta(pattern='^"?[!#-~]{1,256}"?\\Z')]


class Completion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parts of the object; without them, all that storage has."""

    parts: Annotated[list[UploadedPart], Meta(max_length=_MAX_PARTS)] = []


_numbers: Final = msgspec.json.Decoder(PartNumbers)
_completion: Final = msgspec.json.Decoder(Completion)


def new_document(reply: pb.CreateMultipartUploadResponse) -> bytes:
    """The JSON of an upload that has begun."""
    return msgspec.json.encode(
        NewUpload(
            upload_id=reply.upload_id,
            min_part_bytes=reply.min_part_bytes,
            max_part_bytes=reply.max_part_bytes,
            max_parts=reply.max_parts,
            expiry=_instant(reply.expiry) if reply.HasField("expiry") else UNSET,
        )
    )


def listing(reply: pb.ListMultipartUploadsResponse) -> bytes:
    """The JSON list of open uploads."""
    return msgspec.json.encode(
        [
            Upload(
                upload_id=upload.upload_id,
                created=_instant(upload.created),
                expiry=_instant(upload.expiry) if upload.HasField("expiry") else UNSET,
            )
            for upload in reply.uploads
        ]
    )


def part_numbers(body: bytes) -> list[int]:
    """The numbers of parts in a body. InvalidArgument with the JSON path of the fault."""
    return decoding.decode(_numbers, body).part_numbers


def part_urls(numbers: Sequence[int], urls: Sequence[str]) -> bytes:
    """The JSON list of URLs of parts."""
    return msgspec.json.encode([PartUrl(*pair) for pair in zip(numbers, urls, strict=True)])


def parts(reply: pb.ListPartsResponse) -> bytes:
    """The JSON list of parts that storage has."""
    return msgspec.json.encode([StoredPart(part.part_number, part.etag, part.size) for part in reply.parts])


def complete_request(object_id: str, upload_id: str, body: bytes) -> pb.CompleteMultipartUploadRequest:
    """The request in a body, which may be empty. InvalidArgument with the JSON path of the fault."""
    posted = decoding.decode(_completion, body) if body.strip() else Completion()
    return pb.CompleteMultipartUploadRequest(
        object_id=object_id,
        upload_id=upload_id,
        parts=[pb.UploadedPart(part_number=part.part_number, etag=part.etag) for part in posted.parts],
    )


def completed(reply: pb.CompleteMultipartUploadResponse) -> bytes:
    """The JSON of an object that is stored."""
    return msgspec.json.encode({"size": reply.size})


def _instant(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(UTC)
