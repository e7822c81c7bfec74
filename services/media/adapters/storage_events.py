"""Reads the event notifications of object storage: the JSON of S3, as S3 of AWS, MinIO and others send it.

Amazon SNS sends the same JSON as a text within its own. The filer of SeaweedFS sends another one to webhooks:
an event for each file and folder.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote_plus

import msgspec

from services.media.application.notifications import MAX_NOTICES, StoredNotice

_log = logging.getLogger(__name__)

_SHOWN: Final = 1000
_CREATED: Final = "ObjectCreated:"
# The folder of SeaweedFS that has the buckets.
_BUCKETS: Final = "/buckets/"
# MinIO writes the names of events with it, S3 of AWS without.
_NAMESPACE: Final = "s3:"


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct):
    key: str
    size: int = -1


class _Entity(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _Record(msgspec.Struct):
    event: str = msgspec.field(name="eventName")
    entity: _Entity = msgspec.field(name="s3")


class _Attributes(msgspec.Struct, frozen=True):
    file_size: int = 0


class _Entry(msgspec.Struct):
    is_directory: bool = False
    attributes: _Attributes = _Attributes()


class _FilerMessage(msgspec.Struct):
    new_entry: _Entry | None = None


class _FilerEvent(msgspec.Struct):
    key: str
    message: _FilerMessage


class _Body(msgspec.Struct):
    records: list[_Record] = msgspec.field(default_factory=list, name="Records")
    kind: str = msgspec.field(default="", name="Type")
    message: str = msgspec.field(default="", name="Message")
    subscribe_url: str = msgspec.field(default="", name="SubscribeURL")
    filer_event: str = msgspec.field(default="", name="event_type")


_decoder: Final = msgspec.json.Decoder(_Body)
_filer_decoder: Final = msgspec.json.Decoder(_FilerEvent)


def stored_notices(body: bytes) -> Sequence[StoredNotice]:
    """The objects that were stored; none for events of other kinds, such as tests and deletions.

    ValueError for a body that is not such JSON, or has more than MAX_NOTICES records.
    """
    decoded = _decoder.decode(body)
    if decoded.filer_event:
        return list(_filed(_filer_decoder.decode(body))) if decoded.filer_event == "create" else []
    if decoded.kind == "Notification":
        decoded = _decoder.decode(decoded.message)
    if decoded.kind == "SubscriptionConfirmation":
        # The address confirms that notifications may be sent here, once, and allows nothing else.
        _log.warning("SNS wants a subscription confirmed", extra={"url": decoded.subscribe_url[:_SHOWN]})
    if len(decoded.records) > MAX_NOTICES:
        raise ValueError(f"it has more than {MAX_NOTICES} records")
    return list(_created(decoded.records))


def _created(records: Sequence[_Record]) -> Iterator[StoredNotice]:
    for record in records:
        if record.event.removeprefix(_NAMESPACE).startswith(_CREATED):
            entity = record.entity
            yield StoredNotice(entity.bucket.name, unquote_plus(entity.object.key), entity.object.size)


def _filed(event: _FilerEvent) -> Iterator[StoredNotice]:
    entry = event.message.new_entry
    if entry is not None and not entry.is_directory and event.key.startswith(_BUCKETS):
        bucket, _, key = event.key.removeprefix(_BUCKETS).partition("/")
        if key:
            yield StoredNotice(bucket, key, entry.attributes.file_size)
