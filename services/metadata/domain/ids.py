"""The ids of flows, sources, objects and storage backends, each of a type of its own.

So no id can stand where one of another kind belongs. A value has its type because a check here gave it, or
because it comes from the database, which only gets checked ids. Text from a client is `str` until it is
checked. Ids in filters stay `str`: they are only compared, and an id that nothing has passes nothing.

A call of a NewType takes about 40 ns, so no code calls one for each row. The checks are type guards, msgspec
decodes into the types, and a list whose items were checked one by one is cast as a whole.
"""

from typing import Annotated, Final, NewType, TypeAlias, TypeGuard

from msgspec import Meta

from services.shared.ids import UUID_PATTERN, is_uuid

FlowId = NewType("FlowId", str)
"""The id of a flow: a UUID of version 1 to 5 in lower case, the only way to write it."""

SourceId = NewType("SourceId", str)
"""The id of a source: a UUID like that of a flow."""

StorageId = NewType("StorageId", str)
"""The id of a storage backend: a UUID like that of a flow."""

ObjectId = NewType("ObjectId", str)
"""The id of an object: any text of 1 to MAX_OBJECT_ID_BYTES in UTF-8 without NUL."""

MAX_OBJECT_ID_BYTES: Final = 1024

# Members of JSON documents. msgspec refuses a document with another text.
_UUID: Final = Meta(pattern=f"^{UUID_PATTERN}\\Z")
SentFlowId: TypeAlias = Annotated[FlowId, _UUID]
SentSourceId: TypeAlias = Annotated[SourceId, _UUID]
SentStorageId: TypeAlias = Annotated[StorageId, _UUID]


def is_flow_id(text: str) -> TypeGuard[FlowId]:
    """True if the text can be the id of a flow."""
    return is_uuid(text)


def is_source_id(text: str) -> TypeGuard[SourceId]:
    """True if the text can be the id of a source."""
    return is_uuid(text)


def is_storage_id(text: str) -> TypeGuard[StorageId]:
    """True if the text can be the id of a storage backend."""
    return is_uuid(text)


def is_object_id(text: str) -> TypeGuard[ObjectId]:
    """True if the text can be the id of an object. Some engines would end it at a NUL."""
    return bool(text) and len(text.encode()) <= MAX_OBJECT_ID_BYTES and "\0" not in text
