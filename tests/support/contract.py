"""Responses against OpenAPI documents: the gateway's own always, the BBC's where a copy is at hand."""

import copy
import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from gateway.openapi.document import openapi_json
from tests.support import official

METHODS = ("get", "head", "put", "post", "delete")
DOCUMENT: dict[str, Any] = json.loads(openapi_json(""))

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    """RFC 3339 asks for an offset."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class Operation(NamedTuple):
    """A method of a path."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def described(self) -> dict[str, Any]:
        """Its part of the gateway's document."""
        described: dict[str, Any] = DOCUMENT["paths"][self.path][self.method.lower()]
        return described

    @property
    def statuses(self) -> set[int]:
        """The statuses that the gateway's document names."""
        return {int(status) for status in self.described["responses"]}

    def example(self) -> tuple[str, bytes]:
        """A path and a body that are well-formed; what they name need not exist."""
        path = self.path
        for name in re.findall(r"\{(\w+)\}", path):
            value = {"name": "a/b", "objectId": "a/b"}.get(name, "4a1f0c5e-6d0b-4b8e-9d57-0c1a9e7f3b11")
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        if "requestBody" not in self.described:
            return path, b""
        schema = self.described["requestBody"]["content"]["application/json"]["schema"]
        (example,) = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["examples"]
        return path, json.dumps(example).encode()


def operations() -> Iterator[Operation]:
    """Every operation of the gateway's document, in its order."""
    for path, item in DOCUMENT["paths"].items():
        yield from (Operation(method.upper(), path) for method in METHODS if method in item)


def operation_of(method: str, raw_path: str) -> Operation | None:
    """The operation that a request's percent-encoded path belongs to."""
    for operation in operations():
        if operation.method == method and _pattern(operation.path).fullmatch(raw_path):
            return operation
    return None


@cache
def _pattern(path: str) -> re.Pattern[str]:
    rest = ("name", "objectId")
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile(
        "".join(
            (".*" if part in rest else "[^/]+") if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
    )


def check(response: httpx.Response) -> tuple[Operation, int] | None:
    """The operation and status of a response, None when it belongs to no path. AssertionError unless
    both documents know the status and the response is as they say."""
    request = response.request
    operation = operation_of(request.method, request.url.raw_path.decode().partition("?")[0])
    if operation is None:
        return None
    status = response.status_code
    assert status in operation.statuses, f"{operation} does not document {status}: {response.text}"
    answer = _resolved(operation.described["responses"][str(status)], DOCUMENT)
    _check_headers(answer, response)
    if request.method == "HEAD":
        assert response.content == b""
    elif "content" not in answer:
        assert response.content == b"", operation
    else:
        ((media_type, described),) = answer["content"].items()
        assert response.headers["content-type"].partition(";")[0] == media_type
        if media_type == "application/json":
            body = response.json()
            _own(json.dumps(described["schema"])).validate(body)
            for validator in _official(operation, status):
                validator.validate(body)
    return operation, status


def schema(name: str) -> Draft202012Validator:
    """The validator of a schema of the gateway's document, closed to members it does not describe."""
    return _own(json.dumps({"$ref": f"#/components/schemas/{name}"}))


def check_message(event_type: str, body: Any) -> None:
    """AssertionError or ValidationError unless a webhook's message is as both documents say."""
    described = DOCUMENT["webhooks"][event_type]["post"]["requestBody"]["content"]["application/json"]
    _own(json.dumps(described["schema"])).validate(body)
    if official.present:
        theirs = official.openapi()["webhooks"][event_type]["post"]["requestBody"]["content"]
        message = copy.deepcopy(theirs["application/json"]["schema"])
        # TAMS 7.0 has a misprint in one of these; what our own document says stands.
        message["properties"]["event_type"].pop("const")
        _theirs(message).validate(body)


def _check_headers(answer: dict[str, Any], response: httpx.Response) -> None:
    described = answer.get("headers", {})
    for name, header in described.items():
        if name not in response.headers:
            assert not header.get("required"), f"{name} is missing"
            continue
        text = response.headers[name]
        kind = header["schema"].get("type")
        _own(json.dumps(header["schema"])).validate(json.loads(text) if kind in _PLAIN else text)
    told = {name for name in response.headers if name.startswith("x-paging-") or name in _TELLING}
    assert told <= {name.lower() for name in described}
    assert ("link" in response.headers) == ("x-paging-nextkey" in response.headers)


_PLAIN = ("integer", "boolean")
_TELLING = ("link", "location", "retry-after")


def _resolved(part: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    for step in part["$ref"].removeprefix("#/").split("/"):
        document = document[step]
    return document


def _resource(document: dict[str, Any]) -> Resource[Any]:
    return Resource.from_contents(document, default_specification=DRAFT202012)


@cache
def _own(text: str) -> Draft202012Validator:
    document = copy.deepcopy(DOCUMENT)
    for name, one in document["components"]["schemas"].items():
        # The part that all flows share: each format closes the whole.
        if name != "FlowCore":
            _close(one)
    registry: Registry[Any] = Registry().with_resource("urn:own", _resource(document))
    return Draft202012Validator(
        json.loads(text.replace('"#/', '"urn:own#/')), registry=registry, format_checker=_formats
    )


def _close(part: Any) -> None:
    """Let a schema allow nothing it does not describe, so that a new member shows."""
    if isinstance(part, list):
        for one in part:
            _close(one)
    elif isinstance(part, dict):
        if "allOf" in part:
            part["unevaluatedProperties"] = False
            return
        if "properties" in part and "additionalProperties" not in part:
            part["unevaluatedProperties"] = False
        for key, one in part.items():
            if key not in ("examples", "default", "not"):
                _close(one)


@cache
def _official(operation: Operation, status: int) -> tuple[Draft202012Validator, ...]:
    if not official.present:
        return ()
    document = official.openapi()
    for path, item in document["paths"].items():
        if nameless(path) == nameless(operation.path):
            answer = item.get(operation.method.lower(), {}).get("responses", {}).get(str(status), {})
            if "application/json" not in answer.get("content", {}):
                return ()
            return (_theirs(answer["content"]["application/json"].get("schema", {})),)
    return ()


def _theirs(described: dict[str, Any]) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resource("urn:tams", _resource(official.openapi()))
    text = json.dumps(described).replace('"#/', '"urn:tams#/')
    return Draft202012Validator(json.loads(text), registry=registry, format_checker=_formats)


def nameless(path: str) -> str:
    """The path with its parameters' names left out, which documents choose as they like."""
    return re.sub(r"\{.*?\}", "{}", path)
