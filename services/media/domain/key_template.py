"""Templates of the keys of new objects, such as `{prefix}/{year}/{month}/{day}/{flow}/{object}`.

A key is made once, when an object is allocated, and stored. Another template is for new objects alone.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from string import Formatter
from typing import Final

from services.media.domain.storage_path import plain

MAX_LENGTH: Final = 256

_BEGIN: Final = "prefix"
_END: Final = "object"
# The form of each field between begin and end, and its text for a time; flow ids come from requests.
_TIMES: Final = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}
_FORMS: Final = {
    "year": r"\d{4}",
    "month": r"\d\d",
    "day": r"\d\d",
    "hour": r"\d\d",
    "flow": r"[A-Za-z0-9_.~-]+",
}
_OBJECT: Final = r"[A-Za-z0-9_.~/-]+"
_LITERAL: Final = re.compile(r"[A-Za-z0-9_./-]*")
_BAD_STEP: Final = re.compile(r"(^|/)(\.|/)")


class KeyTemplate:
    """A template. It begins with `{prefix}` and ends with `{object}` as a step of its own.

    Between them are plain text and the fields `{year}` (four digits), `{month}`, `{day}`, `{hour}` (two
    digits, UTC) and `{flow}`. A slash after `{prefix}` may be left out.
    """

    def __init__(self, text: str) -> None:
        """ValueError, which says the fault, for a template that is not of this form."""
        if len(text) > MAX_LENGTH:
            raise ValueError(f"it is longer than {MAX_LENGTH} characters")
        parts = list(_parts(text))
        fields = [field for _, field in parts if field]
        if fields[:1] != [_BEGIN] or parts[0][0]:
            raise ValueError(f"it must begin with {{{_BEGIN}}}")
        if fields[-1] != _END or parts[-1][1] != _END or fields.count(_END) != 1 or fields.count(_BEGIN) != 1:
            raise ValueError(
                f"it must have {{{_BEGIN}}} and {{{_END}}} once, the first at the begin, the other at the end"
            )
        middle = text.removeprefix(f"{{{_BEGIN}}}").removesuffix(f"{{{_END}}}").removeprefix("/")
        if middle and not middle.endswith("/"):
            raise ValueError(f"{{{_END}}} must be a step of its own, after a slash")
        if _BAD_STEP.search(middle):
            raise ValueError("a step is empty or begins with a dot")
        self._middle = middle
        self._form = re.compile(_form_of(middle) + _OBJECT)

    def folder(self, prefix: str, flow_id: str, now: datetime) -> str:
        """The part of the keys before the object, with a slash at its end unless it is empty."""
        times = {name: now.strftime(form) for name, form in _TIMES.items()}
        return prefix + self._middle.format(**times, flow=plain(flow_id))

    def matches(self, prefix: str, path: str) -> bool:
        """True if the template makes keys of this form on a backend with this prefix."""
        return path.startswith(prefix) and self._form.fullmatch(path, len(prefix)) is not None


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Each plain text with the field after it, which is empty at the end. ValueError for others."""
    for literal, field, form, conversion in Formatter().parse(text):
        if not _LITERAL.fullmatch(literal):
            raise ValueError("its text has other characters than letters, digits and . _ - /")
        if form or conversion or (field is not None and field not in (_BEGIN, _END, *_FORMS)):
            known = ", ".join((_BEGIN, *_FORMS, _END))
            raise ValueError(f"it has an unknown field {{{field}}}; the fields are {known}")
        yield literal, field or ""


def _form_of(middle: str) -> str:
    return "".join(re.escape(literal) + (_FORMS[field] if field else "") for literal, field in _parts(middle))


DEFAULT_TEMPLATE: Final = KeyTemplate("{prefix}{year}/{month}/{day}/{object}")
