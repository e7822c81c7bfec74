"""The gRPC service DuplicateService."""

from functools import partial
from typing import Final

from tams.analytics.v1 import duplicate_service_pb2, duplicate_service_pb2_grpc

from services.analytics.application.duplicates import ObjectDuplicates
from services.analytics.servicers import convert
from services.shared.paging import page_size
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration

DEFAULT_GROUPS: Final = 20
MAX_GROUPS: Final = 1000


class DuplicateServicer(duplicate_service_pb2_grpc.DuplicateServiceServicer):
    """Returns objects with the same bytes."""

    def __init__(self, duplicates: ObjectDuplicates) -> None:
        self._duplicates = duplicates

    async def ListDuplicates(
        self, request: duplicate_service_pb2.ListDuplicatesRequest, context: Context
    ) -> duplicate_service_pb2.ListDuplicatesResponse:
        """The groups that take the most bytes more than once."""
        limit = page_size(request.max_groups, default=DEFAULT_GROUPS, maximum=MAX_GROUPS)
        return convert.duplicates_response(await self._duplicates.report(limit))


def registration(duplicates: ObjectDuplicates) -> Registration:
    """The service to add to a server."""
    add = duplicate_service_pb2_grpc.add_DuplicateServiceServicer_to_server
    return (
        duplicate_service_pb2.DESCRIPTOR.services_by_name["DuplicateService"],
        partial(add, DuplicateServicer(duplicates)),
    )
