"""Checks that the comment of each RPC lists exactly the errors that its code can raise."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator

import pytest

from services.metadata import servicers as metadata_servicers
from services.metadata.application.delete_options import TrashRules
from services.metadata.application.loads.rows import row_kinds
from services.metadata.application.trash.purging import Purging
from tests.project.test_contract import ANY_CALL
from tests.support.project.repository import files
from tests.support.rpc.reasons import reasons_of

PACKAGES = ("metadata", "event", "access")
_REASON = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
# Kinds of errors, which stand in front of the reasons.
_KINDS = {
    "NOT_FOUND", "INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
}  # fmt: skip
# Functions that the walk over the code does not find.
ALSO_REACHED: dict[str, list[Callable[..., object]]] = {
    # The rows of each kind are read and inserted by functions that the constructor looks up.
    "LoadService.LoadRows": [row_kinds],
    # The rules of the trash are a member of a member.
    "FlowService.DeleteFlow": [TrashRules.soft_delete],
    "SegmentService.DeleteSegments": [TrashRules.soft_delete],
    "TrashService.PurgeEntry": [Purging.purge],
}
# A stored document is valid, and a flow that cannot join a collection stays outside.
_RESTORED = {
    "BAD_COLLECTION", "BAD_FLOW", "DOCUMENT_TOO_LARGE", "SOURCE_NOT_FOUND", "TAG_TOO_LONG", "TOO_MANY_TAGS",
}  # fmt: skip
# The entries of a source's operation are flows.
_OF_SEGMENTS = {"FLOW_NOT_FOUND", "FLOW_READ_ONLY", "FLOW_REPLACED", "SEGMENT_OVERLAP"}
# Reasons in the code of a call that the call cannot raise.
IMPOSSIBLE = {
    "TrashService.RestoreFlow": _RESTORED,
    "TrashService.RestoreSource": _RESTORED | _OF_SEGMENTS,
    "TrashService.RestoreEntry": _RESTORED,
    # Flows that are gone are left out, and the limit applies to deletions of ranges.
    "SourceService.DeleteSource": {"FLOW_NOT_FOUND", "TOO_MANY_DELETIONS"},
    # The walk follows the deletion of sources too.
    "ObjectService.DeleteObject": {"SOURCE_NOT_FOUND"},
    # The same transaction has found or created the source.
    "FlowService.PutFlow": {"SOURCE_NOT_FOUND"},
    # No change of a property changes a format.
    "FlowService.UpdateFlow": {"SOURCE_NOT_FOUND", "FORMAT_CONFLICT"},
    # The limit applies to deletions of ranges; the deletion of a flow replaces those.
    "FlowService.DeleteFlow": {"SOURCE_NOT_FOUND", "TOO_MANY_DELETIONS"},
    # The load is stored before it is read.
    "LoadService.StartLoad": {"LOAD_NOT_FOUND"},
    # The walk mistakes a member for the method of the same name.
    "LoadService.RollBackLoad": {"BAD_ROWS", "LOAD_GAP", "TOO_MANY_ITEMS"},
    # As for PutFlow. Only callers with the scope admin load rows, and it includes the scope delete.
    "LoadService.LoadRows": {"SOURCE_NOT_FOUND", "MISSING_SCOPE"},
    # Ranges have been checked to be bounded, and members to be short.
    "SegmentService.CreateSegments": {"BAD_TIMERANGE", "DOCUMENT_TOO_LARGE"},
    "SegmentService.BatchCreateSegments": {"BAD_TIMERANGE", "DOCUMENT_TOO_LARGE"},
    # The walk mistakes the method of a table for that of the rules.
    "ObjectService.GetUploadTarget": {"BAD_PAGE_TOKEN"},
    "UserService.CreateUser": {"USER_NOT_FOUND"},
    # The projection is created before it is read.
    "AdministrationService.CreateProjection": {"PROJECTION_NOT_FOUND"},
}
# Comments that name a reason of another call as an explanation.
MENTIONED = {"ObjectService.ClaimObjects": {"OBJECT_RECLAIMED"}}
# Kinds of inconsistencies, which are no errors.
_INCONSISTENCIES = {
    "DAMAGED_DOCUMENT", "DAMAGED_PAGES", "DAMAGED_ROW", "DAMAGED_ROWS", "DAMAGED_SEGMENT",
    "FLOW_EXTENT", "LONGEST_SEGMENT", "MISSING_MEMBER", "MISSING_OBJECT", "MISSING_SOURCE", "OBJECT_STATE",
    "SEGMENT_COUNT",
}  # fmt: skip


def comments() -> dict[str, str]:
    """The comment of each RPC of the metadata service, with the outbox, webhooks and accounts."""
    found = {}
    for path in files(*(f"protos/tams/{package}/v1/*_service.proto" for package in PACKAGES)):
        comment: list[str] = []
        service = ""
        for line in map(str.strip, path.read_text("utf-8").splitlines()):
            if line.startswith("service "):
                service = line.split()[1]
            elif line.startswith("rpc "):
                found[f"{service}.{line[4:].split('(')[0]}"] = " ".join(comment)
            comment = [*comment, line.lstrip("/ ")] if line.startswith("//") else []
    # The events service serves DeliveryService.
    return {name: text for name, text in found.items() if not name.startswith("DeliveryService.")}


COMMENTS = comments()


def servicers() -> Iterator[tuple[str, type]]:
    for module in pkgutil.walk_packages(metadata_servicers.__path__, f"{metadata_servicers.__name__}."):
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            if name.endswith("Servicer") and value.__module__ == loaded.__name__:
                yield f"{name.removesuffix('Servicer')}Service", value


SERVICERS = dict(servicers())


def documented(rpc: str) -> set[str]:
    """The reasons in the comment of an RPC, and of the calls to which the comment refers."""
    comment = COMMENTS[rpc]
    service = rpc.split(".", maxsplit=1)[0]
    found = set(_REASON.findall(comment)) - _KINDS - MENTIONED.get(rpc, set()) - ANY_CALL
    for call in re.findall(r": those of (\w+)\.", comment):
        found |= documented(f"{service}.{call}")
    for other in re.findall(r"(\w+Service)\b", comment):
        for name in COMMENTS:
            if name.startswith(f"{other}."):
                found |= documented(name)
    return found


def walked(rpc: str) -> set[str]:
    service, method = rpc.split(".")
    servicer = SERVICERS[service]
    functions = [
        (vars(servicer)[method], servicer),
        *((function, None) for function in ALSO_REACHED.get(rpc, ())),
    ]
    return reasons_of(functions, "metadata") - _INCONSISTENCIES - ANY_CALL


def reached(rpc: str) -> set[str]:
    return walked(rpc) - IMPOSSIBLE.get(rpc, set())


@pytest.mark.parametrize("rpc", COMMENTS)
def test_an_rpc_lists_every_reason_of_its_code(rpc: str) -> None:
    assert reached(rpc) - documented(rpc) == set()


@pytest.mark.parametrize("rpc", COMMENTS)
def test_an_rpc_lists_no_reason_that_its_code_lacks(rpc: str) -> None:
    listed = set(_REASON.findall(COMMENTS[rpc])) - _KINDS - MENTIONED.get(rpc, set()) - ANY_CALL
    assert listed - reached(rpc) == set()


@pytest.mark.parametrize("rpc", IMPOSSIBLE)
def test_an_impossible_reason_is_found_and_not_listed(rpc: str) -> None:
    assert IMPOSSIBLE[rpc] <= walked(rpc)
    assert IMPOSSIBLE[rpc].isdisjoint(_REASON.findall(COMMENTS[rpc]))
