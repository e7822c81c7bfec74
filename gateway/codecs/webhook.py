"""Webhook registrations: JSON to protobuf and back (TAMS 7.0, webhook-post.json, webhook.json)."""

from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from tams.event.v1 import webhook_pb2, webhook_service_pb2

from gateway.codecs import decoding

MAX_VALUES: Final = 1000

Texts = Annotated[list[str], msgspec.Meta(max_length=MAX_VALUES)]

LISTS: Final = (
    "flow_ids", "source_ids", "flow_collected_by_ids", "source_collected_by_ids",
    "accept_get_urls", "accept_storage_ids",
)  # fmt: skip
FLAGS: Final = ("presigned", "verbose_storage")


class Webhook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """webhook.json: a registration without the value of its key."""

    url: str
    events: Texts
    api_key_name: str = ""
    flow_ids: Texts | UnsetType = UNSET
    source_ids: Texts | UnsetType = UNSET
    flow_collected_by_ids: Texts | UnsetType = UNSET
    source_collected_by_ids: Texts | UnsetType = UNSET
    accept_get_urls: Texts | UnsetType = UNSET
    accept_storage_ids: Texts | UnsetType = UNSET
    presigned: bool | UnsetType = UNSET
    verbose_storage: bool | UnsetType = UNSET


class NewWebhook(Webhook, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """webhook-post.json: a registration with the value of its key."""

    api_key_value: str = ""

    def __repr__(self) -> str:
        """Only the URL, because the key must not reach a log."""
        return f"NewWebhook(url={self.url!r})"


_decoder: Final = msgspec.json.Decoder(NewWebhook)


def register_request(body: bytes) -> webhook_service_pb2.RegisterWebhookRequest:
    """The registration in a body. InvalidArgument with the JSON path of what does not fit the schema."""
    posted = decoding.decode(_decoder, body)
    lists: dict[str, Any] = {
        name: webhook_pb2.IdList(values=getattr(posted, name))
        for name in LISTS
        if getattr(posted, name) is not UNSET
    }
    flags = {name: getattr(posted, name) for name in FLAGS if getattr(posted, name) is not UNSET}
    webhook = webhook_pb2.Webhook(
        url=posted.url, events=posted.events, api_key_name=posted.api_key_name, **lists, **flags
    )
    return webhook_service_pb2.RegisterWebhookRequest(webhook=webhook, api_key_value=posted.api_key_value)


def document(message: webhook_pb2.Webhook) -> bytes:
    """The JSON of a registration."""
    return msgspec.json.encode(_webhook(message))


def listing(messages: Iterable[webhook_pb2.Webhook]) -> bytes:
    """The JSON list of registrations."""
    return msgspec.json.encode(list(map(_webhook, messages)))


def _webhook(message: webhook_pb2.Webhook) -> Webhook:
    filters: dict[str, Any] = {
        name: list(getattr(message, name).values) for name in LISTS if message.HasField(name)
    }
    filters |= {name: getattr(message, name) for name in FLAGS if message.HasField(name)}
    return Webhook(url=message.url, events=list(message.events), api_key_name=message.api_key_name, **filters)
