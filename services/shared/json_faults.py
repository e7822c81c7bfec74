"""What msgspec finds wrong with JSON, in words for those who sent it."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import inspect

from services.shared.ids import UUID_PATTERN

# msgspec ends its messages with the place: "Expected `int`, got `str` - at `$.generation`".
_PLACE: Final = re.compile(r"(.*) - at `(?:key in )?(\$.*)`", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[([0-9]+|\.\.\.)\]")
_QUOTED: Final = re.compile(r"`([^`]*)`")
_NO_CHOICE: Final = re.compile(r"Invalid (?:enum )?value (.*)", re.DOTALL)
_PATTERN: Final = " matching regex "
_WORDS: Final = {
    "str": "a string",
    "int": "a whole number",
    "float": "a decimal number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
}
_MEANINGS: Final = {
    repr(f"^{UUID_PATTERN}\\Z"): "a lower-case UUID of version 1 to 5",
    repr(r"^[^\s/]+/[^\s/]+\Z"): "a MIME type such as video/mp2t",
}
_MEMBERS: Final = {
    "Object missing required field": "is missing",
    "Object contains unknown field": "is no member of this object",
}
_MAX_SHOWN: Final = 200


def invalid(error: msgspec.ValidationError, kind: Any, document: bytes) -> tuple[str, str]:
    """What is wrong with a document that should be of this type, and the JSON path of the fault."""
    match = _PLACE.fullmatch(str(error))
    what, path = match.groups() if match else (str(error), "$")
    steps = [name or index for name, index in _STEP.findall(path)]
    value = _plain(document)
    if steps and steps[-1] == "..." and (name := _not_text(_at(value, steps[:-1]))) is not None:
        path = f"{path.removesuffix('[...]')}[{name!r}]"
    if (refused := _NO_CHOICE.fullmatch(what)) is not None:
        choices = _choices(inspect.type_info(kind), value, steps)
        return f"{refused[1][:_MAX_SHOWN]} is none of {', '.join(choices)}", path
    return _said(what), path


def malformed(error: Exception, document: bytes) -> str:
    """What keeps a document from being JSON."""
    if not document.strip():
        return "it is empty"
    if document.startswith(b"\xef\xbb\xbf"):
        return "it begins with a byte order mark"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if "truncated" in str(error):
        return "it ends too early, or has half of a surrogate pair"
    return str(error).removeprefix("JSON is malformed: ")


def _said(what: str) -> str:
    for start, end in _MEMBERS.items():
        if what.startswith(start):
            name = what.removeprefix(start).strip("` ")
            return f"{name[:_MAX_SHOWN]!r} {end}"
    if _PATTERN in what:
        pattern = what.partition(_PATTERN)[2]
        return f"expected {_MEANINGS.get(pattern, f'a string matching {pattern}')}"
    return _QUOTED.sub(lambda found: _named(found[1]), what[:1].lower() + what[1:])


def _named(types: str) -> str:
    return " or ".join(_WORDS.get(one, one) for one in types.split(" | "))


def _plain(document: bytes) -> Any:
    try:
        return msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _at(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _not_text(value: Any) -> str | None:
    items = value.items() if isinstance(value, dict) else ()
    return next((name[:_MAX_SHOWN] for name, one in items if not isinstance(one, str)), None)


def _choices(kind: inspect.Type, value: Any, steps: Sequence[str]) -> list[str]:
    """The texts that a type allows at a place; of alternatives, those that the value's own tag names."""
    if isinstance(kind, inspect.UnionType):
        return [choice for one in _meant(kind.types, value) for choice in _choices(one, value, steps)]
    if isinstance(kind, inspect.StructType):
        if list(steps) == [kind.tag_field]:
            return [str(kind.tag)]
        member = next((one for one in kind.fields if steps and one.encode_name == steps[0]), None)
        return [] if member is None else _choices(member.type, _at(value, steps[:1]), steps[1:])
    if isinstance(kind, inspect.ListType):
        return _choices(kind.item_type, _at(value, steps[:1]), steps[1:])
    return [str(one) for one in kind.values] if isinstance(kind, inspect.LiteralType) else []


def _meant(kinds: Sequence[inspect.Type], value: Any) -> Sequence[inspect.Type]:
    tagged = [one for one in kinds if isinstance(one, inspect.StructType) and one.tag_field]
    named = [one for one in tagged if isinstance(value, dict) and value.get(one.tag_field) == one.tag]
    return named or kinds
