"""The kinds of rows that bulk loads can have."""

from collections.abc import Collection, Mapping
from typing import Any

from services.metadata.application.loads.flows import flow_rows
from services.metadata.application.loads.kinds import RowKind
from services.metadata.application.loads.objects import object_rows
from services.metadata.application.loads.segments import segment_rows
from services.metadata.application.loads.sources import source_rows
from services.metadata.domain.load import Kind
from services.metadata.domain.objects.external_url import WEB


def row_kinds(url_schemes: Collection[str] = WEB) -> Mapping[Kind, RowKind[Any]]:
    """The functions for each kind of rows. External URLs of segments may have one of the schemes."""
    return {
        Kind.SOURCES: source_rows(),
        Kind.FLOWS: flow_rows(),
        Kind.OBJECTS: object_rows(),
        Kind.SEGMENTS: segment_rows(url_schemes),
    }
