"""`/`, `/service` and `/service/storage-backends`."""

from typing import Final

import msgspec
from tams.metadata.v1.service_info_service_pb2 import GetServiceInfoRequest

from gateway.clients.services import Services
from gateway.codecs import service, storage_backend
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.settings import Settings
from services.shared.rpc.client import call
from services.shared.rpc.segment_urls import StorageBackends

RESOURCES: Final = ("service", "flows", "sources", "objects", "flow-delete-requests")


class Service:
    """What this store is and where it keeps media."""

    def __init__(
        self, services: Services, settings: Settings, storage_backends: StorageBackends, bodies: BodyReader
    ) -> None:
        self._infos = services.service_info
        self._settings = settings
        self._storage_backends = storage_backends
        self._bodies = bodies
        self._resources = msgspec.json.encode(RESOURCES)

    async def resources(self, request: Request) -> Response:
        """GET /."""
        return responses.json(self._resources)

    async def get(self, request: Request) -> Response:
        """GET /service: a stored name or description comes before the one in the settings."""
        info = await call(self._infos.GetServiceInfo, GetServiceInfoRequest())
        known = service.Service(
            name=info.name if info.HasField("name") else self._settings.service_name,
            description=info.description
            if info.HasField("description")
            else self._settings.service_description,
            event_stream_mechanisms=[service.EventStream("webhooks")] if self._settings.webhooks else [],
        )
        return responses.json(msgspec.json.encode(known))

    async def post(self, request: Request) -> Response:
        """POST /service: 200 without a body."""
        async with self._bodies.read(request) as body:
            await call(self._infos.UpdateServiceInfo, service.update_request(body))
        return Response(200)

    async def list_storage_backends(self, request: Request) -> Response:
        """GET /service/storage-backends."""
        return responses.json(storage_backend.listing(await self._storage_backends.list()))
