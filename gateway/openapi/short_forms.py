"""Expands the short forms of schemas."""

from collections.abc import Mapping
from typing import Any, Final

Part = dict[str, Any]

# The largest number in a body; typed clients can hold it.
MAX_INTEGER: Final = 2**63 - 1
# Members of a schema that contain values and no schemas.
_VALUES: Final = frozenset({"examples", "default", "enum", "const"})


def ref(name: str) -> Part:
    """A reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def json(schema: str) -> Part:
    """The content of a JSON body with this schema."""
    return {"application/json": {"schema": ref(schema)}}


def expanded(part: Any, examples: Mapping[str, Any] = {}) -> Any:
    """A copy with full references to schemas, and with examples in place of references to them."""
    if isinstance(part, list):
        return [expanded(item, examples) for item in part]
    if not isinstance(part, dict):
        return part
    if "$example" in part:
        return expanded(examples[part["$example"]], examples)
    whole = {key: expanded(value, examples) for key, value in part.items()}
    return whole | ref(part["$ref"]) if "$ref" in part else whole


def bounded(part: Any) -> Any:
    """A copy in which each integer schema has a maximum, by default MAX_INTEGER."""
    if isinstance(part, list):
        return [bounded(item) for item in part]
    if not isinstance(part, dict):
        return part
    whole = {key: value if key in _VALUES else bounded(value) for key, value in part.items()}
    return {"maximum": MAX_INTEGER} | whole if part.get("type") == "integer" else whole
