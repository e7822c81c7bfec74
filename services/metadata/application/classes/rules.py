"""The classes that a caller may give to sources and flows, and what of a flow it may replace."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from services.metadata.application.classes.seeing import classes_of_caller
from services.metadata.application.ports import Tables
from services.metadata.domain.documents.classes import outside_classes, with_classes
from services.metadata.domain.documents.jsons import ENCODE, Members
from services.metadata.domain.flows.flow import FlowInput, parse_flow
from services.metadata.domain.property import PropertyChange
from services.shared.access.classes import TAG


def tags_of_caller(tables: Tables, before: Mapping[str, str], after: Mapping[str, str]) -> Mapping[str, str]:
    """The tags to store if the caller sends the tags `after`; the same object if they stay as they are.

    What is new gets all classes of the caller. The errors are those of `with_classes`.
    """
    of_caller = classes_of_caller(tables)
    return with_classes(before, after, of_caller, of_caller or frozenset())


def with_tags_of_caller(tables: Tables, flow: FlowInput, before: Members) -> FlowInput:
    """The flow with the tags to store. `before` has its stored members. The errors of `tags_of_caller`."""
    sent = flow.tags
    tags = tags_of_caller(tables, before.get("tags", {}), sent)
    return flow if tags is sent else with_members(flow, tags=dict(tags))


def check_class_kept(tables: Tables, changes: Iterable[PropertyChange], members: Members) -> None:
    """PermissionDenied OUTSIDE_CLASSES if a caller with a list of classes unsets the tag with them."""
    if classes_of_caller(tables) is None or TAG in members.get("tags", {}):
        return
    if any(change.tag == TAG for change in changes):
        raise outside_classes(f"one of the classes of the caller must stay in the tag {TAG}")


def seen_members(tables: Tables, items: Collection[Members]) -> Collection[str]:
    """The ids of the flows in a collection, without those that the caller does not see."""
    ids = {item["id"] for item in items}
    return ids if classes_of_caller(tables) is None else tables.flows.sources_of(ids).keys()


def with_members(flow: FlowInput, **members: Any) -> FlowInput:
    """The flow with other values of some members, which are valid."""
    return parse_flow(ENCODE({**flow.members, **members}))
