"""The BBC's own schemas and examples, where a copy of them is present."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

# A folder beside the checkout, which is not part of the project.
_OFFICIAL = Path(__file__).parents[4] / "shared" / "spec" / "tams-7.0"

present = _OFFICIAL.is_dir()
needed = pytest.mark.skipif(not present, reason="no copy of the official TAMS 7.0 files here")


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of a schema file."""
    schemas = {
        path.name: json.loads(path.read_text(encoding="utf-8")) for path in _OFFICIAL.glob("schemas/*.json")
    }
    registry: Registry[Any] = Registry().with_resources(
        (key, Resource.from_contents(schema, default_specification=DRAFT202012))
        for key, schema in schemas.items()
    )
    return Draft202012Validator(schemas[name], registry=registry)


def examples(pattern: str) -> list[Path]:
    """The example files whose names match."""
    return sorted(_OFFICIAL.glob(f"examples/{pattern}"))


def openapi() -> dict[str, Any]:
    """The bundled OpenAPI document."""
    document: dict[str, Any] = json.loads((_OFFICIAL / "openapi.json").read_text(encoding="utf-8"))
    return document
