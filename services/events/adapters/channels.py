"""gRPC channels to the services that events calls."""

from collections.abc import Mapping
from typing import Final

from grpc import aio
from tams.event.v1 import event_service_pb2
from tams.media.v1 import storage_service_pb2

from services.shared.rpc.client import open_channel

_EVENTS: Final = event_service_pb2.DESCRIPTOR.services_by_name["EventService"]
_STORAGE: Final = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]


def metadata_channel(address: str, tls_files: Mapping[str, str]) -> aio.Channel:
    """A channel to the metadata service at `address`, for its outbox."""
    return open_channel(address, [_EVENTS], tls_files)


def media_channel(address: str, tls_files: Mapping[str, str]) -> aio.Channel:
    """A channel to the media service at `address`, which signs URLs."""
    return open_channel(address, [_STORAGE], tls_files)
