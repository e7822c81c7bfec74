"""Webhooks: valid registrations, and their filters of events (TAMS 7.0; ADR 0026)."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.webhooks.event import EVENT_TYPES, Event
from services.shared.access.principal import SYSTEM
from services.shared.errors import InvalidArgument
from services.shared.ids import is_uuid
from services.shared.json.reading import refuse

_MAX_URL: Final = 2048
_MAX_LIST: Final = 1000
# Characters in the label of a storage backend or URL.
_MAX_LABEL: Final = 1024
_PRINTABLE: Final = re.compile(r"[!-~]+")
# RFC 9110, section 5: a token; visible characters and inner blanks.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_HEADER_VALUE: Final = re.compile(r"(?:[!-~](?:[ -~]{0,4094}[!-~])?)?")
# Headers that every message has or that belong to the connection.
_RESERVED_HEADERS: Final = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive",
     "proxy-connection", "tams-event-id", "te", "traceparent", "tracestate", "trailer", "transfer-encoding",
     "upgrade", "user-agent"}
)  # fmt: skip
_ID_LISTS: Final = (
    "flow_ids", "source_ids", "flow_collected_by_ids", "source_collected_by_ids", "accept_storage_ids",
)  # fmt: skip


class Webhook(Struct, frozen=True, omit_defaults=True):
    """A registration. A filter that is None is not set, so all events pass it.

    `created_by` is the name of its owner as a caller. `classes` are those that the owner had at the
    registration, None for all; they count unless the store knows the owner as a user or key.
    """

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
    created_by: str = SYSTEM.name
    classes: frozenset[str] | None = None

    def __repr__(self) -> str:
        """The id alone, because the key must not appear in a log."""
        return f"Webhook(id={self.id!r})"

    @property
    def weight(self) -> int:
        """The number of bytes of its JSON."""
        return len(ENCODE(self))


class Lease(NamedTuple):
    """A webhook that one process serves. All its events up to the id `settled` are settled.

    `behind` has the flows and sources that lag, each with the id up to which its own events are settled.
    """

    webhook: Webhook
    settled: int
    behind: Mapping[str, int] = MappingProxyType({})


def normalise(webhook: Webhook) -> Webhook:
    """The webhook with the scheme of its URL in lower case (RFC 3986, section 3.1)."""
    scheme, colon, rest = webhook.url.partition(":")
    return msgspec.structs.replace(webhook, url=f"{scheme.lower()}{colon}{rest}")


def check(webhook: Webhook) -> None:
    """InvalidArgument BAD_WEBHOOK, with the path of the fault, unless the registration is valid."""
    if len(webhook.url) > _MAX_URL or not _is_web_address(webhook.url):
        raise _refuse(
            "url",
            f"must be an http or https URL of at most {_MAX_URL} ASCII characters, without user and fragment",
        )
    for name in webhook.events:
        if name not in EVENT_TYPES:
            raise _refuse("events", f"{name[:100]!r} is not one of {', '.join(sorted(EVENT_TYPES))}")
    for name in (*_ID_LISTS, "accept_get_urls"):
        values = getattr(webhook, name) or ()
        if len(values) > _MAX_LIST:
            raise _refuse(name, f"has more than {_MAX_LIST} values")
        if name in _ID_LISTS and not all(map(is_uuid, values)):
            raise _refuse(name, "must have lower-case UUIDs of version 1 to 5")
    if any(len(label) > _MAX_LABEL for label in webhook.accept_get_urls or ()):
        raise _refuse("accept_get_urls", f"must have labels of at most {_MAX_LABEL} characters")
    _check_key(webhook)


def passes(webhook: Webhook, event: Event) -> bool:
    """True if the event passes every filter that is set. Events of sources pass the filters for flows."""
    if event.type not in webhook.events:
        return False
    checks: list[tuple[Sequence[str] | None, Sequence[str]]] = [(webhook.source_ids, [event.source_id])]
    checks.append((webhook.source_collected_by_ids, event.source_collected_by))
    if event.flow_id is not None:
        checks.append((webhook.flow_ids, [event.flow_id]))
        checks.append((webhook.flow_collected_by_ids, event.flow_collected_by))
    return all(allowed is None or not set(allowed).isdisjoint(actual) for allowed, actual in checks)


def _is_web_address(url: str) -> bool:
    """True if messages can be sent to the URL. Keys belong into the key header, so it has no user."""
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_http and parts.username is None and not parts.fragment and _PRINTABLE.fullmatch(url) is not None


def _check_key(webhook: Webhook) -> None:
    if webhook.api_key_name and not _HEADER_NAME.fullmatch(webhook.api_key_name):
        raise _refuse("api_key_name", "must be the name of an HTTP header of at most 256 characters")
    if webhook.api_key_name.lower() in _RESERVED_HEADERS:
        raise _refuse("api_key_name", f"must not be {webhook.api_key_name}, which has another meaning")
    if not _HEADER_VALUE.fullmatch(webhook.api_key_value):
        raise _refuse(
            "api_key_value", "must have at most 4096 visible ASCII characters, with blanks only between them"
        )
    if webhook.api_key_value and not webhook.api_key_name:
        raise _refuse("api_key_name", "must be set when api_key_value is set")


def _refuse(member: str, problem: str) -> InvalidArgument:
    return refuse(problem, f"$.{member}", "BAD_WEBHOOK")
