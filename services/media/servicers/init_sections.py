"""The gRPC service InitSectionService."""

from functools import partial
from typing import Final

from tams.media.v1 import init_section_service_pb2 as pb
from tams.media.v1 import init_section_service_pb2_grpc

from services.media.application.init_sections import InitSections, NoSection
from services.media.domain.init_section import InitSection
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration

_STATES: Final = {
    NoSection.MISSING: pb.INIT_SECTION_STATE_MISSING,
    NoSection.NOT_FRAGMENTED: pb.INIT_SECTION_STATE_NOT_FRAGMENTED,
    NoSection.UNREACHABLE: pb.INIT_SECTION_STATE_UNREACHABLE,
    NoSection.ELSEWHERE: pb.INIT_SECTION_STATE_ELSEWHERE,
}


class InitSectionServicer(init_section_service_pb2_grpc.InitSectionServiceServicer):
    """Reads the heads of objects."""

    def __init__(self, sections: InitSections) -> None:
        self._sections = sections

    async def ReadInitSections(
        self, request: pb.ReadInitSectionsRequest, context: Context
    ) -> pb.ReadInitSectionsResponse:
        """The initialization sections of objects."""
        found = await self._sections.read([(each.storage_id, each.url_paths) for each in request.objects])
        return pb.ReadInitSectionsResponse(sections=map(_message, found))


def registration(sections: InitSections) -> Registration:
    """The service to add to a server."""
    add = init_section_service_pb2_grpc.add_InitSectionServiceServicer_to_server
    return (
        pb.DESCRIPTOR.services_by_name["InitSectionService"],
        partial(add, InitSectionServicer(sections)),
    )


def _message(found: InitSection | NoSection) -> pb.InitSection:
    if isinstance(found, NoSection):
        return pb.InitSection(state=_STATES[found])
    return pb.InitSection(
        state=pb.INIT_SECTION_STATE_READ,
        length=found.length,
        object_size=found.object_size,
        digest=found.digest,
        parameters=found.parameters,
    )
