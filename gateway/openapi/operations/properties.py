"""Single properties of sources and flows, and their tags."""

from typing import Final

from gateway.openapi.describe import CHANGE, done, ok, operation
from gateway.openapi.parts import Part

Methods = dict[str, Part]

# By name: the schema of the value, and what an operation's summary calls it.
_PROPERTIES: Final = {
    "description": ("Text", "description"),
    "label": ("Text", "label"),
    "flow_collection": ("FlowCollection", "collection"),
    "max_bit_rate": ("BitRate", "highest bit rate"),
    "avg_bit_rate": ("BitRate", "average bit rate"),
    "read_only": ("ReadOnly", "read-only mark"),
}


def of(resource: str, path: str, *names: str) -> dict[str, Methods]:
    """The paths of these properties and, first, of the tags; `resource` is "Source" or "Flow"."""
    return {
        f"{path}/tags": {"get": _tags(resource)},
        f"{path}/tags/{{name}}": _tag(resource),
        **{f"{path}/{name}": _property(resource, name) for name in names},
    }


def _property(resource: str, name: str) -> Methods:
    schema, words = _PROPERTIES[name]
    title = f"{resource}{name.title().replace('_', '')}"
    thing = f"the {words} of a {resource.lower()}"
    if name == "read_only":
        # Always possible, so that a read-only flow can be opened again.
        return {"get": _get(title, thing, schema), "put": _put(title, thing, schema, CHANGE["Source"])}
    delete = operation(f"delete{title}", f"Unset {thing}", done("It is unset."), fails=CHANGE[resource][1:])
    return {
        "get": _get(title, thing, schema),
        "put": _put(title, thing, schema, CHANGE[resource]),
        "delete": delete,
    }


def _tags(resource: str) -> Part:
    return _get(f"{resource}Tags", f"all tags of a {resource.lower()}", "Tags")


def _tag(resource: str) -> Methods:
    title, thing = f"{resource}Tag", f"one tag of a {resource.lower()}"
    delete = operation(f"delete{title}", f"Unset {thing}", done("It is unset."), fails=CHANGE[resource][1:])
    return {
        "get": _get(title, thing, "Text"),
        "put": _put(title, thing, "Text", CHANGE[resource]),
        "delete": delete,
    }


def _get(title: str, thing: str, schema: str) -> Part:
    return operation(f"get{title}", f"Read {thing}", ok(schema, "The value."), fails=(404,))


def _put(title: str, thing: str, schema: str, fails: tuple[int, ...]) -> Part:
    return operation(f"put{title}", f"Set {thing}", done("It is set."), body=schema, fails=fails)
