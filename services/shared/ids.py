"""Identifiers: which texts are TAMS ids, and how new ones are made."""

import re
import secrets
import time
import uuid

# Lower case, versions 1 to 5, RFC variant (TAMS 7.0, flow-core.json).
UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_UUID = re.compile(UUID_PATTERN)


def is_uuid(text: str) -> bool:
    """Whether the text is a TAMS id."""
    return _UUID.fullmatch(text) is not None


def new_uuid() -> str:
    """A random TAMS id."""
    return str(uuid.uuid4())


def new_object_id() -> str:
    """A new object id in the layout of UUID version 7 (RFC 9562): ascending by millisecond.

    Object ids are free text in TAMS; ids in time order keep index inserts at the end of the tree.
    """
    millis = time.time_ns() // 1_000_000
    value = (millis & (1 << 48) - 1) << 80 | 7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=value | 2 << 62 | secrets.randbits(62)))
