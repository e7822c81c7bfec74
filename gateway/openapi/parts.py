"""Short ways to write pieces of an OpenAPI document."""

from collections.abc import Sequence
from typing import Any

Part = dict[str, Any]


def ref(name: str) -> Part:
    """A schema of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(description: str, **more: Any) -> Part:
    """A string."""
    return {"type": "string", "description": description, **more}


def integer(description: str, **more: Any) -> Part:
    """A whole number."""
    return {"type": "integer", "description": description, **more}


def boolean(description: str, **more: Any) -> Part:
    """True or false."""
    return {"type": "boolean", "description": description, **more}


def enum(description: str, *values: str) -> Part:
    """One of a few texts."""
    return text(description, enum=list(values))


def array(items: Part, description: str, **more: Any) -> Part:
    """A list."""
    return {"type": "array", "items": items, "description": description, **more}


def record(description: str, properties: Part, *, required: Sequence[str] = (), **more: Any) -> Part:
    """An object."""
    schema = {"type": "object", "description": description, "properties": properties, **more}
    return schema | {"required": list(required)} if required else schema


def described(schema: Part, description: str) -> Part:
    """A reference with words of its own."""
    return {**schema, "description": description}


def fraction(description: str) -> Part:
    """A ratio of whole numbers whose denominator may be left out."""
    parts = {
        "numerator": integer("Above the line.", exclusiveMinimum=0),
        "denominator": integer("Below the line.", exclusiveMinimum=0, default=1),
    }
    return record(description, parts, required=("numerator",))


def ratio(description: str) -> Part:
    """A ratio of whole numbers, both given."""
    parts = {
        "numerator": integer("Above the line.", exclusiveMinimum=0),
        "denominator": integer("Below the line.", exclusiveMinimum=0),
    }
    return record(description, parts, required=("numerator", "denominator"))
