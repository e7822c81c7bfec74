"""Builds the OpenAPI 3.1 document from the YAML files beside this module. See document.yaml."""

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from gateway.openapi.operations import Shared, path_item, webhook
from gateway.openapi.short_forms import Part, bounded, expanded

FOLDER: Final = Path(__file__).parent


def openapi_json(public_url: str) -> bytes:
    """The document as JSON. Its server is the public URL, or "/" if that is empty."""
    return msgspec.json.encode(_document(public_url.rstrip("/") or "/"))


def _document(server: str) -> Part:
    top = read("document.yaml")
    schemas = _schemas()
    shared = Shared.of(
        expanded(read("parameters.yaml")), bounded(expanded(read("headers.yaml"))), read("errors.yaml")
    )
    return {
        "openapi": top["openapi"],
        "info": top["info"] | {"version": importlib.metadata.version("tams-server")},
        "servers": [{"url": server}],
        "security": [{name: []} for name in top["securitySchemes"]],
        "paths": dict(_paths(top["paths"], shared)),
        "webhooks": {name: webhook(written) for name, written in read("webhooks.yaml").items()},
        "components": {
            "schemas": schemas,
            "responses": shared.components,
            "securitySchemes": top["securitySchemes"],
        },
    }


def read(name: str) -> Any:
    """The content of a YAML file of this folder, without expanding its short forms."""
    return yaml.load((FOLDER / name).read_bytes(), Loader=yaml.CSafeLoader)


def _schemas() -> Part:
    named: Part = {}
    for path in sorted((FOLDER / "schemas").glob("*.yaml")):
        named |= read(f"schemas/{path.name}")
    examples = {name: schema["examples"][0] for name, schema in named.items() if "examples" in schema}
    return {name: bounded(expanded(schema, examples)) for name, schema in named.items()}


def _paths(files: list[str], shared: Shared) -> Iterator[tuple[str, Part]]:
    for name in files:
        file = expanded(read(f"paths/{name}.yaml"))
        # All operations of a file share its tag, and its description if it has one.
        common = {"tags": [file["tag"]]} | {key: file[key] for key in ("description",) if key in file}
        for path, methods in file["paths"].items():
            item = {method: common | operation for method, operation in methods.items()}
            yield path, path_item(path, item, shared)
