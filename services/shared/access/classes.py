"""Classes of sources and flows, which say whose they are: the words of their tag `auth_classes`.

A caller with a list of classes sees and touches what has one of them. What has no class belongs to nobody in
particular, so only callers with all classes see it.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Final

from services.shared.access.principal import Principal

TAG: Final = "auth_classes"
# The classes of one resource, and of one caller.
MAX_CLASSES: Final = 32
# In the settings of users, keys and tokens: all classes.
ALL: Final = "*"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}")


def is_class(text: str) -> bool:
    """True if a class can have this name: 1 to 64 letters, digits and ._:/@-, the first a letter or digit."""
    return _NAME.fullmatch(text) is not None


def classes_of_tag(value: str | None) -> frozenset[str]:
    """The classes in the value of the tag, which has commas between them: the first MAX_CLASSES.

    Words that cannot be the name of a class are no classes.
    """
    return frozenset(islice(filter(is_class, words_of_tag(value)), MAX_CLASSES)) if value else frozenset()


def words_of_tag(value: str | None) -> list[str]:
    """The distinct words in the value of the tag, in order, whether they are classes or not."""
    return list(filter(None, dict.fromkeys(map(str.strip, (value or "").split(",")))))


def classes_of_tags(tags: Mapping[str, str]) -> frozenset[str]:
    """The classes of a source or flow with these tags."""
    return classes_of_tag(tags.get(TAG))


def classes_of_words(words: Iterable[str]) -> frozenset[str] | None:
    """The classes that a caller is given with these words: None, which means all, if `*` is one of them.

    Words that are no classes give nothing.
    """
    given = frozenset(words)
    return None if ALL in given else frozenset(filter(is_class, given))


def words_of(classes: Collection[str] | None) -> list[str]:
    """The words that give a caller these classes, in order."""
    return [ALL] if classes is None else sorted(classes)


def tag_of_classes(classes: Collection[str]) -> str:
    """The value of the tag for these classes."""
    return ",".join(sorted(classes))


def sees(principal: Principal, classes: Collection[str]) -> bool:
    """True if the caller may see what has these classes."""
    return principal.classes is None or not principal.classes.isdisjoint(classes)
