"""Replaces the digests in filters by the texts that they stand for.

A link to the next page must be short, but a label can be long. So the link has the beginning of the label and
its digest. The label is in every row that passes the filter, so it is looked up in the tables. If no row has
it, no row passes the filter. So a link never expires, works at every process, and the service keeps no state.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from services.metadata.application.ports import FlowFilter, SourceFilter
from services.metadata.domain.documents.text_digest import TextDigest
from services.shared.errors import InvalidArgument

F = TypeVar("F", FlowFilter, SourceFilter)
# Stored texts that are compared for one filter.
MAX_COMPARED: Final = 200


class TextTable(Protocol):
    """The table of sources or flows."""

    def text_with_prefix(self, tag: str | None, prefix: str, excluded: Sequence[str]) -> str | None:
        """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones."""
        ...


def resolve_digests(table: TextTable, criteria: F) -> F | None:
    """The filter with texts instead of digests; None if no row has one of the texts, so that none passes.

    InvalidArgument BAD_TEXT_DIGEST if a digest is too short, or too many stored texts have its beginning.
    """
    if criteria.label_digest is None and not criteria.tag_digests:
        return criteria
    search = _Search(table)
    label, tags = criteria.label, dict(criteria.tags)
    if criteria.label_digest is not None:
        label = search.find(None, criteria.label_digest)
        if label is None:
            return None
    for name, digest in criteria.tag_digests.items():
        value = search.find(name, digest)
        if value is None:
            return None
        tags[name] = value
    return replace(criteria, label=label, label_digest=None, tags=tags, tag_digests={})


class _Search:
    def __init__(self, table: TextTable) -> None:
        self._table = table
        self._comparisons_left = MAX_COMPARED

    def find(self, tag: str | None, digest: TextDigest) -> str | None:
        digest.check()
        others: list[str] = []
        while (text := self._table.text_with_prefix(tag, digest.begin, others)) is not None:
            if digest.matches(text):
                return text
            others.append(text)
            self._comparisons_left -= 1
            if not self._comparisons_left:
                raise InvalidArgument(
                    "too many stored texts begin like the text of the filter; give the whole text",
                    reason="BAD_TEXT_DIGEST",
                )
        return None
