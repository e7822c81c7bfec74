"""Expands the short forms of operations, and adds their implied errors and HEAD for each GET."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from gateway.openapi.short_forms import Part, json

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Shared:
    """Definitions that operations refer to by name."""

    # Parameters by the name in the path, and by the name in the parameter list of an operation.
    path: Mapping[str, Part]
    query: Mapping[str, Part]
    headers: Mapping[str, Part]
    # References to error responses by status, and the error responses by name.
    errors: Mapping[int, Part]
    components: Mapping[str, Part]
    # Error statuses by the kind of operation that can return them.
    implied: Mapping[str, list[int]]

    @classmethod
    def of(cls, parameters: Part, headers: Part, errors: Part) -> Self:
        """The definitions of parameters.yaml, headers.yaml and errors.yaml."""
        responses = errors["responses"]
        return cls(
            path={
                name: {"name": name, "in": "path", "required": True, **parameter}
                for name, parameter in parameters["path"].items()
            },
            query={
                name: {"name": name, "in": "query", **parameter}
                for name, parameter in parameters["query"].items()
            },
            headers=headers,
            errors={
                status: {"$ref": f"#/components/responses/{response['name']}"}
                for status, response in responses.items()
            },
            components={response["name"]: _error(response, headers) for response in responses.values()},
            implied=errors["implied"],
        )


def path_item(path: str, methods: Mapping[str, Part], shared: Shared) -> Part:
    """The path item: its parameters, its operations, and HEAD if there is a GET."""
    item: Part = {"parameters": [shared.path[name] for name in _PARAMETER.findall(path)]}
    for method, written in methods.items():
        item[method] = _operation(method, written, shared)
        if method == "get":
            item["head"] = _head(item[method], shared)
    return item


def webhook(written: Mapping[str, Part]) -> Part:
    """The path item of a webhook. It has no implied errors, because the receiver defines its errors."""
    post = written["post"]
    responses = _responses(post["responses"], {})
    # The store has no credentials for the receiver, except the header that a webhook may name.
    described = {"summary": post["summary"], "security": [{}]}
    return {"post": {**described, **_request_body(post), "responses": responses}}


def _operation(method: str, written: Part, shared: Shared) -> Part:
    kept = {key: value for key, value in written.items() if key not in ("body", "errors", "local", "public")}
    errors = {str(status): shared.errors[status] for status in sorted(_errors(method, written, shared))}
    parameters = [
        shared.query[parameter] if isinstance(parameter, str) else parameter
        for parameter in written.get("parameters", [])
    ]
    responses = errors | _responses(written["responses"], shared.headers)
    # An empty list takes back the security of the whole document.
    security: Part = {"security": []} if written.get("public", False) else {}
    return kept | security | _request_body(written) | {"parameters": parameters, "responses": responses}


def _errors(method: str, written: Part, shared: Shared) -> Iterable[int]:
    kinds = {
        "changes": method != "get",
        "queries": "parameters" in written,
        "bodies": "body" in written or "requestBody" in written,
        "services": not written.get("local", False),
        "protected": not written.get("public", False),
    }
    implied = (status for kind, applies in kinds.items() if applies for status in shared.implied[kind])
    return {*written.get("errors", ()), *implied}


def _request_body(written: Part) -> Part:
    if "body" not in written:
        return {}
    return {"requestBody": {"required": True, "content": json(written["body"])}}


def _responses(written: Mapping[int, Any], headers: Mapping[str, Part]) -> Part:
    return {str(status): _response(response, headers) for status, response in written.items()}


def _response(written: Any, headers: Mapping[str, Part]) -> Part:
    if isinstance(written, str):
        return {"description": written}
    response: Part = {key: value for key, value in written.items() if key not in ("json", "headers")}
    if "json" in written:
        response["content"] = json(written["json"])
    if "headers" in written:
        response["headers"] = {name: headers[name] for name in written["headers"]}
    return response


def _error(written: Part, headers: Mapping[str, Part]) -> Part:
    kept = {key: value for key, value in written.items() if key != "name"}
    return _response(kept | {"json": "Error"}, headers)


def _head(get: Part, shared: Shared) -> Part:
    name, summary = get["operationId"], get["summary"]
    return get | {
        "operationId": f"head{name[0].upper()}{name[1:]}",
        "summary": f"As GET, without the body: {summary[0].lower()}{summary[1:]}",
        "responses": {
            status: {"description": "As for GET, without the body.", **_headers(response, shared)}
            for status, response in get["responses"].items()
        },
    }


def _headers(response: Part, shared: Shared) -> Part:
    name = response.get("$ref", "").rpartition("/")[2]
    headers = shared.components.get(name, response).get("headers")
    return {"headers": headers} if headers else {}
