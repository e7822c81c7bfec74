"""Reports refused calls to the audit log."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from google.protobuf.message import Message

from services.metadata.application.audit.refusals import Refusals
from services.shared.errors import TamsError


class Change(NamedTuple):
    """The action of a method, and the kind of its resource, whose id is in a field of the request."""

    action: str
    kind: str
    field: str = ""


_METADATA: Final = "/tams.metadata.v1."
_ACCESS: Final = "/tams.access.v1."
# The changes that callers can make, by the path of their method.
CHANGES: Final[Mapping[str, Change]] = {
    f"{_METADATA}FlowService/PutFlow": Change("flows.put", "flow", "id"),
    f"{_METADATA}FlowService/UpdateFlow": Change("flows.update", "flow", "id"),
    f"{_METADATA}FlowService/DeleteFlow": Change("flows.delete", "flow", "id"),
    f"{_METADATA}SourceService/UpdateSource": Change("sources.update", "source", "id"),
    f"{_METADATA}SegmentService/CreateSegments": Change("segments.put", "flow", "flow_id"),
    f"{_METADATA}SegmentService/DeleteSegments": Change("segments.delete", "flow", "flow_id"),
    f"{_METADATA}ObjectService/ReserveObjects": Change("objects.reserve", "flow", "flow_id"),
    f"{_METADATA}SourceService/DeleteSource": Change("sources.delete", "source", "id"),
    f"{_METADATA}ObjectCopyService/RetireObjectCopy": Change("copies.delete", "object", "object_id"),
    f"{_METADATA}ObjectService/DeleteObject": Change("objects.delete", "object", "id"),
    f"{_METADATA}TrashService/RestoreFlow": Change("trash.restore", "flow", "id"),
    f"{_METADATA}TrashService/RestoreSource": Change("trash.restore", "source", "id"),
    f"{_METADATA}TrashService/RestoreEntry": Change("trash.restore", "trash", "id"),
    f"{_METADATA}TrashService/PurgeEntry": Change("trash.purge", "trash", "id"),
    f"{_METADATA}ServiceInfoService/UpdateServiceInfo": Change("service.update", "service"),
    f"{_METADATA}LoadService/StartLoad": Change("loads.start", "load", "id"),
    f"{_METADATA}LoadService/LoadRows": Change("loads.load", "load", "id"),
    f"{_METADATA}LoadService/FinishLoad": Change("loads.finish", "load", "id"),
    f"{_METADATA}LoadService/RollBackLoad": Change("loads.roll_back", "load", "id"),
    f"{_METADATA}AdministrationService/AddColumn": Change("administration.add_column", "table", "table"),
    f"{_METADATA}AdministrationService/RenameColumn": Change(
        "administration.rename_column", "table", "table"
    ),
    f"{_METADATA}AdministrationService/DropColumn": Change("administration.drop_column", "table", "table"),
    f"{_METADATA}AdministrationService/CreateProjection": Change(
        "administration.create_projection", "table", "table"
    ),
    f"{_METADATA}AdministrationService/DropProjection": Change(
        "administration.drop_projection", "table", "table"
    ),
    f"{_METADATA}AdministrationService/ResetTables": Change("administration.reset", "schema"),
    f"{_METADATA}AdministrationService/RepairTables": Change("administration.repair", "schema"),
    "/tams.event.v1.WebhookService/RegisterWebhook": Change("webhooks.put", "webhook"),
    f"{_ACCESS}UserService/CreateUser": Change("users.create", "user", "name"),
    f"{_ACCESS}UserService/UpdateUser": Change("users.update", "user", "name"),
    f"{_ACCESS}UserService/ChangeOwnPassword": Change("users.change_own_password", "user"),
    f"{_ACCESS}UserService/DeleteUser": Change("users.delete", "user", "name"),
    f"{_ACCESS}ApiKeyService/CreateApiKey": Change("keys.create", "key", "name"),
    f"{_ACCESS}ApiKeyService/SuspendApiKey": Change("keys.suspend", "key", "id"),
    f"{_ACCESS}ApiKeyService/RotateApiKey": Change("keys.rotate", "key", "id"),
    f"{_ACCESS}ApiKeyService/DeleteApiKey": Change("keys.delete", "key", "id"),
}


def note_refused(refusals: Refusals) -> Callable[[str, Message, TamsError], None]:
    """A function that notes the error of a call: its method, its request and the error."""

    def note(method: str, request: Message, error: TamsError) -> None:
        change = CHANGES.get(method)
        if change is not None:
            name = getattr(request, change.field) if change.field else ""
            refusals.note(change.action, f"{change.kind}:{name}" if name else change.kind, error)

    return note
