"""The classes of sources and flows, which the tag `auth_classes` in their documents names."""

from collections.abc import Mapping
from typing import Final

import msgspec

from services.metadata.domain.documents.tags import TagChanges
from services.shared.access.classes import (
    MAX_CLASSES,
    TAG,
    classes_of_tag,
    is_class,
    tag_of_classes,
    words_of_tag,
)
from services.shared.errors import PermissionDenied
from services.shared.json.reading import refuse

# Classes of a resource, or of a caller that has a list of them.
Classes = frozenset[str]

_REASON: Final = "OUTSIDE_CLASSES"
_NAME: Final = TAG.encode()


class _Tags(msgspec.Struct):
    auth_classes: str = ""


class _Tagged(msgspec.Struct):
    tags: _Tags | None = None


_DECODE: Final = msgspec.json.Decoder(_Tagged).decode


def classes_of_document(document: bytes) -> Classes:
    """The classes of the source or flow with this document; none if it is damaged."""
    # Most documents have no such tag. To look for its name is faster than to decode.
    if _NAME not in document:
        return frozenset()
    try:
        tags = _DECODE(document).tags
    except (msgspec.DecodeError, UnicodeDecodeError):
        return frozenset()
    return frozenset() if tags is None else classes_of_tag(tags.auth_classes)


def changed_classes(changes: TagChanges) -> Classes | None:
    """The classes after a change of tags; None if the change leaves them as they are."""
    if TAG not in changes.set and TAG not in changes.removed:
        return None
    return classes_of_tag(changes.set.get(TAG))


def outside_classes(problem: str) -> PermissionDenied:
    """The error for what the classes of the caller do not allow."""
    return PermissionDenied(problem, reason=_REASON)


def with_classes(
    before: Mapping[str, str], after: Mapping[str, str], of_caller: Classes | None, default: Classes
) -> Mapping[str, str]:
    """The tags to store in place of the tags `before`, if a caller sends the tags `after`.

    `of_caller` has the classes of the caller; None for all. A caller with a list of classes adds and removes
    only these, and one of them stays. Without the tag, the classes stay as they are, and what is new gets
    the classes `default`.

    InvalidArgument BAD_CLASSES if the tag changes and has words that are no classes, or too many of them.
    PermissionDenied OUTSIDE_CLASSES.
    """
    sent, stored = after.get(TAG), before.get(TAG)
    if sent is None and of_caller is not None:
        if stored is None and not default:
            raise outside_classes("a caller without classes cannot create anything")
        return {**after, TAG: tag_of_classes(default) if stored is None else stored}
    if sent == stored or sent is None:
        return after
    _check_words(sent)
    if of_caller is not None:
        _check_change(classes_of_tag(stored), classes_of_tag(sent), of_caller)
    return after


def _check_words(value: str) -> None:
    words = words_of_tag(value)
    if len(words) > MAX_CLASSES:
        raise refuse(
            f"{len(words)} classes are too many; at most {MAX_CLASSES}", f"$.tags.{TAG}", "BAD_CLASSES"
        )
    for word in words:
        if not is_class(word):
            raise refuse(
                f"{word[:64]!r} is no class: that is 1 to 64 letters, digits and ._:/@-, the first a letter"
                " or digit",
                f"$.tags.{TAG}",
                "BAD_CLASSES",
            )


def _check_change(before: Classes, after: Classes, of_caller: Classes) -> None:
    if foreign := (before ^ after) - of_caller:
        raise outside_classes(f"{min(foreign)!r} is not a class of the caller, who cannot add or remove it")
    if after.isdisjoint(of_caller):
        raise outside_classes(f"one of the classes of the caller must stay in the tag {TAG}")
