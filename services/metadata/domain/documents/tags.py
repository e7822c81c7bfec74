"""Tags of flows and sources: their limits, and the difference between two sets of tags."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.shared.json.reading import refuse

# Each tag is a row of its own in an index, and other changes wait while its rows are written.
MAX_TAGS: Final = 1000
# Characters.
MAX_NAME: Final = 1024
MAX_VALUE: Final = 102_400


class TagChanges(NamedTuple):
    """The names of tags to remove, and the tags to set: new ones and those whose value changes.

    `before` has the stored values of the tags that are removed or whose value changes.
    """

    removed: frozenset[str]
    set: Mapping[str, str]
    before: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.removed or self.set)


UNCHANGED: Final = TagChanges(frozenset(), {}, {})


def tag_changes(before: Mapping[str, str], after: Mapping[str, str]) -> TagChanges:
    """The changes that turn the tags `before` into the tags `after`.

    InvalidArgument TOO_MANY_TAGS or TAG_TOO_LONG if a tag to set exceeds a limit. Stored tags beyond the
    limits, which older versions accepted, can stay and can be removed.
    """
    if before == after:
        return UNCHANGED
    changes = TagChanges(
        frozenset(before.keys() - after.keys()),
        {name: value for name, value in after.items() if before.get(name) != value},
        {name: value for name, value in before.items() if after.get(name) != value},
    )
    if len(after) > MAX_TAGS and changes.set:
        raise refuse(f"{len(after)} tags are too many; at most {MAX_TAGS}", "$.tags", "TOO_MANY_TAGS")
    for name, value in changes.set.items():
        if len(name) > MAX_NAME or len(value) > MAX_VALUE:
            raise refuse(
                f"the name of a tag has at most {MAX_NAME} characters, its value at most {MAX_VALUE}",
                "$.tags",
                "TAG_TOO_LONG",
            )
    return changes
