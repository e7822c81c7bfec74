"""Checks responses against OpenAPI documents: the gateway's own, and the BBC's where a copy is present."""

import copy
import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from gateway.openapi.document import openapi_json
from tests.support.openapi import official

METHODS = ("get", "head", "put", "post", "delete")
DOCUMENT: dict[str, Any] = json.loads(openapi_json(""))
_ID = "4a1f0c5e-6d0b-4b8e-9d57-0c1a9e7f3b11"

_formats = FormatChecker(formats=())


def _is_moment(value: object) -> bool:
    """Whether a text is a time of RFC 3339, which requires an offset."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


_formats.checks("date-time", raises=ValueError)(_is_moment)


class Operation(NamedTuple):
    """A method of a path."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def described(self) -> dict[str, Any]:
        """The operation in the gateway's document."""
        described: dict[str, Any] = DOCUMENT["paths"][self.path][self.method.lower()]
        return described

    @property
    def statuses(self) -> set[int]:
        """The statuses that the gateway's document names."""
        return {int(status) for status in self.described["responses"]}

    def example(self) -> tuple[str, bytes]:
        """A well-formed path, with the query that it needs, and body. What they name need not exist."""
        path = self.path
        for name in re.findall(r"\{(\w+)\}", path):
            value = {"name": "a/b", "objectId": "a/b"}.get(name, _ID)
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        needed = [item["name"] for item in self.described.get("parameters", ()) if _is_needed(item)]
        path += f"?{urlencode(dict.fromkeys(needed, _ID))}" if needed else ""
        if "requestBody" not in self.described:
            return path, b""
        schema = self.described["requestBody"]["content"]["application/json"]["schema"]
        (example,) = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["examples"]
        return path, json.dumps(example).encode()


def _is_needed(parameter: dict[str, Any]) -> bool:
    return bool(parameter.get("required")) and parameter["in"] == "query"


def operations() -> Iterator[Operation]:
    """Every operation of the gateway's document, in its order."""
    for path, item in DOCUMENT["paths"].items():
        yield from (Operation(method.upper(), path) for method in METHODS if method in item)


def operation_of(method: str, raw_path: str) -> Operation | None:
    """The operation that matches the percent-encoded path of a request."""
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
    """The operation and status of a response; None if no path matches.

    AssertionError unless both documents describe the status and the response conforms to them.
    """
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
        media_type = response.headers["content-type"].partition(";")[0]
        assert media_type in answer["content"], operation
        described = answer["content"][media_type]
        if media_type == "application/json":
            body = response.json()
            _own_validator(json.dumps(described["schema"])).validate(body)
            for validator in _official_validators(operation, status):
                validator.validate(body)
    return operation, status


def schema(name: str) -> Draft202012Validator:
    """The validator of a schema of the gateway's document, without members that it does not describe."""
    return _own_validator(json.dumps({"$ref": f"#/components/schemas/{name}"}))


def check_message(event_type: str, body: Any) -> None:
    """AssertionError or ValidationError unless a webhook's message conforms to both documents."""
    described = DOCUMENT["webhooks"][event_type]["post"]["requestBody"]["content"]["application/json"]
    _own_validator(json.dumps(described["schema"])).validate(body)
    if official.present:
        official_message = official.openapi()["webhooks"][event_type]["post"]["requestBody"]["content"]
        message = copy.deepcopy(official_message["application/json"]["schema"])
        # TAMS 7.0 has a misprint in one of these constants. Our own document is checked above.
        message["properties"]["event_type"].pop("const")
        _official_validator(message).validate(body)


def _check_headers(answer: dict[str, Any], response: httpx.Response) -> None:
    described = answer.get("headers", {})
    for name, header in described.items():
        if name not in response.headers:
            assert not header.get("required"), f"{name} is missing"
            continue
        text = response.headers[name]
        kind = header["schema"].get("type")
        _own_validator(json.dumps(header["schema"])).validate(json.loads(text) if kind in _PLAIN else text)
    protocol_headers = {
        name for name in response.headers if name.startswith("x-paging-") or name in _PROTOCOL_HEADERS
    }
    assert protocol_headers <= {name.lower() for name in described}
    assert ("link" in response.headers) == ("x-paging-nextkey" in response.headers)


_PLAIN = ("integer", "boolean")
_PROTOCOL_HEADERS = ("link", "location", "retry-after")


def _resolved(part: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    for step in part["$ref"].removeprefix("#/").split("/"):
        document = document[step]
    return document


def _resource(document: dict[str, Any]) -> Resource[Any]:
    return Resource.from_contents(document, default_specification=DRAFT202012)


@cache
def _own_validator(text: str) -> Draft202012Validator:
    document = copy.deepcopy(DOCUMENT)
    for name, component in document["components"]["schemas"].items():
        # FlowCore is the part that all flows share; the schema of each format closes the whole flow.
        if name != "FlowCore":
            _close(component)
    registry: Registry[Any] = Registry().with_resource("urn:own", _resource(document))
    return Draft202012Validator(
        json.loads(text.replace('"#/', '"urn:own#/')), registry=registry, format_checker=_formats
    )


def _close(part: Any) -> None:
    """Forbid members that a schema does not describe, so that a new member is noticed."""
    if isinstance(part, list):
        for item in part:
            _close(item)
    elif isinstance(part, dict):
        if "allOf" in part:
            part["unevaluatedProperties"] = False
            return
        if "properties" in part and "additionalProperties" not in part:
            part["unevaluatedProperties"] = False
        for key, member in part.items():
            if key not in ("examples", "default", "not"):
                _close(member)


@cache
def _official_validators(operation: Operation, status: int) -> tuple[Draft202012Validator, ...]:
    if not official.present:
        return ()
    document = official.openapi()
    for path, item in document["paths"].items():
        if nameless(path) == nameless(operation.path):
            answer = item.get(operation.method.lower(), {}).get("responses", {}).get(str(status), {})
            if "application/json" not in answer.get("content", {}):
                return ()
            return (_official_validator(answer["content"]["application/json"].get("schema", {})),)
    return ()


def _official_validator(described: dict[str, Any]) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resource("urn:tams", _resource(official.openapi()))
    text = json.dumps(described).replace('"#/', '"urn:tams#/')
    return Draft202012Validator(json.loads(text), registry=registry, format_checker=_formats)


def nameless(path: str) -> str:
    """The path without the names of its parameters, which each document chooses freely."""
    return re.sub(r"\{.*?\}", "{}", path)
