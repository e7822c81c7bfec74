"""The OpenAPI 3.1 document put together."""

import importlib.metadata
import re
from typing import Final

import msgspec

from gateway.openapi import parameters, responses
from gateway.openapi.examples import EXAMPLES
from gateway.openapi.operations import OPERATIONS
from gateway.openapi.parts import Part, ref
from gateway.openapi.schemas import SCHEMAS
from gateway.openapi.schemas.webhook import EVENTS, event_schema

_PARAMETER: Final = re.compile(r"\{(\w+)\}")

_DESCRIPTION: Final = (
    "A store of media addressed by time. Sources are pieces of media, flows their encodings, segments the "
    "stretches of a flow's timeline, objects the files that hold them. Media goes straight to and from "
    "object storage, by URLs that this API hands out. Paths under /x/ are extensions of this implementation."
)


def openapi_json(public_url: str) -> bytes:
    """The document; its server is the public URL, or the host that serves it."""
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Time-addressable media store",
                "version": importlib.metadata.version("tams-server"),
                "description": _DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": public_url.rstrip("/") or "/"}],
            "paths": {path: _path_item(path, methods) for path, methods in OPERATIONS.items()},
            "webhooks": {event_type: _message(event_type) for event_type in EVENTS},
            "components": {"schemas": _with_examples(SCHEMAS), "responses": responses.COMPONENTS},
        }
    )


def _with_examples(schemas: Part) -> Part:
    shown = {name: {"examples": [example]} for name, example in EXAMPLES.items()}
    return {name: schema | shown.get(name, {}) for name, schema in schemas.items()}


def _message(event_type: str) -> Part:
    description, _ = EVENTS[event_type]
    content = {"application/json": {"schema": ref(event_schema(event_type))}}
    return {
        "post": {
            "summary": description,
            "requestBody": {"required": True, "content": content},
            "responses": {"2XX": responses.empty("Taken; any other status means that it is sent again.")},
        }
    }


def _path_item(path: str, methods: dict[str, Part]) -> Part:
    item: Part = {"parameters": [parameters.PATH[name] for name in _PARAMETER.findall(path)]}
    for method, operation in methods.items():
        item[method] = operation
        if method == "get":
            item["head"] = _head(operation)
    return item


def _head(get: Part) -> Part:
    name = get["operationId"]
    described = {
        status: {"description": "As for GET, without the body.", **_headers(answer)}
        for status, answer in get["responses"].items()
    }
    summary = f"As GET, without the body: {get['summary'][0].lower()}{get['summary'][1:]}"
    return {**get, "operationId": f"head{name[0].upper()}{name[1:]}", "summary": summary} | {
        "responses": described
    }


def _headers(answer: Part) -> Part:
    named = answer.get("$ref", "").rpartition("/")[2]
    headers = responses.COMPONENTS.get(named, answer).get("headers")
    return {"headers": headers} if headers else {}
