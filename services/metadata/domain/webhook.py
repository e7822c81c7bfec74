"""Webhooks: what a registration must be, and which events it lets pass (TAMS 7.0; ADR 0026)."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct

from services.metadata.domain.event import EVENT_TYPES, Event
from services.metadata.domain.jsons import ENCODE
from services.shared.errors import InvalidArgument
from services.shared.ids import is_uuid

_MAX_URL: Final = 2048
_MAX_LIST: Final = 1000
# Of a storage backend or URL, as segments may have them.
_MAX_LABEL: Final = 1024
_PRINTABLE: Final = re.compile(r"[!-~]+")
# RFC 9110, section 5: a token; visible characters and inner blanks.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_HEADER_VALUE: Final = re.compile(r"(?:[!-~](?:[ -~]{0,4094}[!-~])?)?")
# What every message has anyway, and what belongs to the connection.
_TAKEN_NAMES: Final = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive",
     "proxy-connection", "tams-event-id", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"}
)  # fmt: skip
_ID_LISTS: Final = (
    "flow_ids", "source_ids", "flow_collected_by_ids", "source_collected_by_ids", "accept_storage_ids",
)  # fmt: skip


class Webhook(Struct, frozen=True, omit_defaults=True):
    """A registration. None means the filter is not set, which lets everything pass."""

    id: str
    url: str
    events: Sequence[str]
    api_key_name: str = ""
    api_key_value: str = ""
    flow_ids: Sequence[str] | None = None
    source_ids: Sequence[str] | None = None
    flow_collected_by_ids: Sequence[str] | None = None
    source_collected_by_ids: Sequence[str] | None = None
    accept_get_urls: Sequence[str] | None = None
    accept_storage_ids: Sequence[str] | None = None
    presigned: bool | None = None
    verbose_storage: bool | None = None

    def __repr__(self) -> str:
        """Without the key, which must not reach a log."""
        return f"Webhook(id={self.id!r})"

    @property
    def weight(self) -> int:
        """Bytes of its JSON."""
        return len(ENCODE(self))


class Lease(NamedTuple):
    """A webhook that one deliverer serves, and the id up to which its events are settled.

    `behind` has the flows and sources that lag, each with the id up to which its own events are settled.
    """

    webhook: Webhook
    settled: int
    behind: Mapping[str, int] = MappingProxyType({})


def check(webhook: Webhook) -> None:
    """InvalidArgument BAD_WEBHOOK unless URL, events, ids and lists are what they must be."""
    if len(webhook.url) > _MAX_URL or not _is_web_address(webhook.url):
        raise _bad(
            "url",
            f"must be an http or https URL in at most {_MAX_URL} ASCII characters, no user, no fragment",
        )
    for name in webhook.events:
        if name not in EVENT_TYPES:
            raise _bad("events", f"{name[:100]!r} is none of {', '.join(sorted(EVENT_TYPES))}")
    for name in (*_ID_LISTS, "accept_get_urls"):
        values = getattr(webhook, name) or ()
        if len(values) > _MAX_LIST:
            raise _bad(name, f"holds more than {_MAX_LIST} values")
        if name in _ID_LISTS and not all(map(is_uuid, values)):
            raise _bad(name, "must hold lower-case UUIDs of version 1 to 5")
    if any(len(label) > _MAX_LABEL for label in webhook.accept_get_urls or ()):
        raise _bad("accept_get_urls", f"must hold labels of at most {_MAX_LABEL} characters")
    _check_key(webhook)


def passes(webhook: Webhook, event: Event) -> bool:
    """Whether every filter that is set lets the event pass. Flow filters leave source events alone."""
    if event.type not in webhook.events:
        return False
    checks: list[tuple[Sequence[str] | None, Sequence[str]]] = [(webhook.source_ids, [event.source_id])]
    checks.append((webhook.source_collected_by_ids, event.source_collected_by))
    if event.flow_id is not None:
        checks.append((webhook.flow_ids, [event.flow_id]))
        checks.append((webhook.flow_collected_by_ids, event.flow_collected_by))
    return all(wanted is None or not set(wanted).isdisjoint(has) for wanted, has in checks)


def _is_web_address(url: str) -> bool:
    """Whether a message can be sent there. Keys belong into the key header, so no user and password."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return sound and parts.username is None and not parts.fragment and _PRINTABLE.fullmatch(url) is not None


def _check_key(webhook: Webhook) -> None:
    if webhook.api_key_name and not _HEADER_NAME.fullmatch(webhook.api_key_name):
        raise _bad("api_key_name", "must be the name of an HTTP header in at most 256 characters")
    if webhook.api_key_name.lower() in _TAKEN_NAMES:
        raise _bad("api_key_name", f"must not be {webhook.api_key_name}, which means something else already")
    if not _HEADER_VALUE.fullmatch(webhook.api_key_value):
        raise _bad("api_key_value", "must be at most 4096 visible ASCII characters, blanks between them")
    if webhook.api_key_value and not webhook.api_key_name:
        raise _bad("api_key_name", "must be set when api_key_value is")


def _bad(name: str, what: str) -> InvalidArgument:
    return InvalidArgument(f"$.{name}: {what}", reason="BAD_WEBHOOK", path=f"$.{name}")
