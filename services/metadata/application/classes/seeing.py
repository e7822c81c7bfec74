"""The part of the tables that the present caller sees, for rules.

A query of such a caller gets `SeenTables`. A change does too: it looks up what it changes there, or with the
functions below, and then continues with `whole`, because its other rules are about all rows.
"""

from collections.abc import Collection

from services.metadata.application.classes.tables import SeenTables
from services.metadata.application.ports import Tables
from services.metadata.domain.documents.classes import Classes, classes_of_document, outside_classes
from services.metadata.domain.ids import FlowId, ObjectId


def classes_of_caller(tables: Tables) -> Classes | None:
    """The classes of the caller for whom the tables are; None for all classes."""
    return tables.classes if isinstance(tables, SeenTables) else None


def whole(tables: Tables) -> Tables:
    """The tables with all rows."""
    return tables.whole if isinstance(tables, SeenTables) else tables


def hides(tables: Tables, document: bytes) -> bool:
    """True if the caller does not see the source or flow with this document."""
    return isinstance(tables, SeenTables) and tables.classes.isdisjoint(classes_of_document(document))


def hides_classes(tables: Tables, classes: Collection[str]) -> bool:
    """True if the caller does not see what has these classes."""
    return isinstance(tables, SeenTables) and tables.classes.isdisjoint(classes)


def sees_flow(tables: Tables, flow_id: FlowId | None) -> bool:
    """True if the caller may know of the flow. A caller with a list of classes sees no deleted flow."""
    return not isinstance(tables, SeenTables) or (flow_id is not None and tables.flows.sees(flow_id))


def hidden_objects(tables: Tables, stored: Collection[ObjectId]) -> Collection[ObjectId]:
    """The objects, among these stored ones, that the caller does not see."""
    if not stored or not isinstance(tables, SeenTables):
        return ()
    return set(stored) - tables.objects.get_many(stored).keys()


def refuse_hidden(tables: Tables, document: bytes, name: str) -> None:
    """PermissionDenied OUTSIDE_CLASSES if the caller does not see the source or flow, such as `flow 1b…`."""
    if hides(tables, document):
        raise outside_classes(f"{name} is outside the classes of the caller")
