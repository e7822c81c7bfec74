"""`/`, `/service` and `/service/storage-backends`."""

from typing import Final

import msgspec
from tams.metadata.v1 import service_info_service_pb2

from gateway.clients.services import Services
from gateway.codecs.service import service, storage_backend
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from gateway.settings import Settings
from services.segment_documents.storage_backends import StorageBackends
from services.shared.rpc.client import call

RESOURCES: Final = ("service", "flows", "sources", "objects", "flow-delete-requests")


class Service:
    """Handlers that describe this store and its storage backends."""

    def __init__(
        self, services: Services, settings: Settings, storage_backends: StorageBackends, bodies: BodyReader
    ) -> None:
        self._infos = services.service_info
        self._settings = settings
        self._storage_backends = storage_backends
        self._bodies = bodies
        self._resources = msgspec.json.encode(RESOURCES)

    async def resources(self, request: Request) -> Response:
        """GET /: the names of the top-level resources."""
        return responses.json(self._resources)

    async def get(self, request: Request) -> Response:
        """GET /service. The stored name and description take precedence over those in the settings."""
        info = await call(self._infos.GetServiceInfo, service_info_service_pb2.GetServiceInfoRequest())
        document = service.Service(
            name=info.name if info.HasField("name") else self._settings.service_name,
            description=info.description
            if info.HasField("description")
            else self._settings.service_description,
            event_stream_mechanisms=[service.EventStream("webhooks")] if self._settings.webhooks else [],
        )
        return responses.json(msgspec.json.encode(document))

    async def post(self, request: Request) -> Response:
        """POST /service: 200 without a body."""
        async with self._bodies.read(request) as body:
            await call(self._infos.UpdateServiceInfo, service.update_request(body))
        return Response(200)

    async def list_storage_backends(self, request: Request) -> Response:
        """GET /service/storage-backends."""
        return responses.json(storage_backend.listing(await self._storage_backends.list()))
