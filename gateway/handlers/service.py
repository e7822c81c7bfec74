"""`/`, `/service` and `/service/storage-backends`."""

import importlib.metadata
from typing import Final

import msgspec

from gateway.codecs import storage_backend
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.segment_urls import StorageBackends

API_VERSION: Final = "7.0"
SERVICE_TYPE: Final = "urn:x-tams:service"
RESOURCES: Final = ("service", "flows", "sources", "objects", "flow-delete-requests")


class Service:
    """What this store is and where it keeps media."""

    def __init__(self, name: str, description: str, storage_backends: StorageBackends) -> None:
        self._storage_backends = storage_backends
        self._resources = msgspec.json.encode(RESOURCES)
        self._document = msgspec.json.encode(
            {
                "type": SERVICE_TYPE,
                "api_version": API_VERSION,
                "name": name,
                "description": description,
                "service_version": f"tams-server {importlib.metadata.version('tams-server')}",
                "event_stream_mechanisms": [],
            }
        )

    async def resources(self, request: Request) -> Response:
        """GET /."""
        return responses.json(self._resources)

    async def get(self, request: Request) -> Response:
        """GET /service."""
        return responses.json(self._document)

    async def list_storage_backends(self, request: Request) -> Response:
        """GET /service/storage-backends."""
        return responses.json(storage_backend.listing(await self._storage_backends.list()))
