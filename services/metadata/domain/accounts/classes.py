"""The classes of users and API keys, and their text in tables."""

from collections.abc import Collection
from typing import Final

from services.shared.access.classes import ALL, MAX_CLASSES, classes_of_words, is_class
from services.shared.json.reading import refuse

# What operators give, and get, for all classes.
ALL_CLASSES: Final = (ALL,)


def check_classes(words: Collection[str]) -> None:
    """InvalidArgument BAD_CLASSES for a word that no class can have as name, and for too many words.

    The word `*` stands for all classes.
    """
    if len(words) > MAX_CLASSES:
        raise refuse(f"must have at most {MAX_CLASSES} classes", "$.classes", "BAD_CLASSES")
    if not all(word == ALL or is_class(word) for word in words):
        allowed = "1 to 64 letters, digits and ._:/@-, the first a letter or digit"
        raise refuse(f"must be {ALL}, or classes of {allowed}", "$.classes", "BAD_CLASSES")


def text_of_classes(classes: frozenset[str] | None) -> str | None:
    """The classes in order, separated by blanks; None for all classes."""
    return None if classes is None else " ".join(sorted(classes))


def classes_of_text(text: str | None) -> frozenset[str] | None:
    """The classes in a text. Rows of versions before have None, which means all classes."""
    return None if text is None else classes_of_words(text.split())
