"""The OpenAPI document, compared with the routes, the codecs and the rules of OpenAPI."""

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import yaml
from openapi_spec_validator import validate

from gateway.codecs import batch, filters, playlist, storage, webhook
from gateway.codecs.analytics import BackendUsage, Coverage, StorageUsage
from gateway.codecs.batch import BatchResult, SourceChange
from gateway.codecs.deletion_request import STATUSES, DeletionRequest
from gateway.codecs.object import Object
from gateway.codecs.segments import segment
from gateway.codecs.segments.segment import FailedSegment, PostedSegment, PostedUrl
from gateway.codecs.service import service
from gateway.codecs.service.service import EventStream, Service, ServiceChange
from gateway.codecs.service.storage_backend import StorageBackend
from gateway.codecs.storage import StorageRequest
from gateway.codecs.webhook import NewWebhook, Webhook
from gateway.errors import STATUS, ErrorBody
from gateway.http.routing import Route
from gateway.openapi.document import FOLDER, openapi_json, read
from gateway.routes import Handlers, routes
from services.metadata.domain.documents import tags
from services.metadata.domain.ids import MAX_OBJECT_ID_BYTES
from services.metadata.domain.objects import external_url
from services.metadata.domain.segments.segment import MAX_EXTRA_BYTES
from services.metadata.domain.webhooks.event import EVENT_TYPES
from services.shared.access.classes import MAX_CLASSES
from services.shared.ids import UUID_PATTERN
from tests.support.openapi import contract, official

DOCUMENT = json.loads(openapi_json(""))
SCHEMAS = DOCUMENT["components"]["schemas"]
METHODS = ("get", "head", "put", "post", "delete")


class ResourceClass:
    """Replaces each resource, of which the route table needs only the handlers."""

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cls, name)


RESOURCES: dict[str, Any] = {
    name: ResourceClass(cls) for name, cls in inspect.get_annotations(Handlers).items()
}
TABLE = routes(Handlers(**RESOURCES))


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_the_document_describes_exactly_the_routes() -> None:
    described = {(path, method.upper()) for path, method, _ in operations()}
    assert described == {(route.template, method) for route in TABLE for method in route.handlers}


def test_paths_are_in_the_order_of_the_routes() -> None:
    assert list(DOCUMENT["paths"]) == [route.template for route in TABLE]


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.template)
def test_handlers_have_the_parameters_of_their_path(route: Route) -> None:
    for handler in route.handlers.values():
        parameter_count = len(inspect.signature(handler).parameters) - len(("self", "request"))
        assert parameter_count == route.template.count("{")


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))


def test_references_and_components_are_the_same() -> None:
    text = json.dumps(DOCUMENT)
    referred = set(re.findall(r'"#/components/(\w+)/(\w+)"', text))
    # Security schemes are referred to by name alone.
    schemes = {("securitySchemes", name) for item in DOCUMENT["security"] for name in item}
    named = {(kind, name) for kind, parts in DOCUMENT["components"].items() for name in parts}
    assert referred | schemes == named


def test_operations_need_credentials_unless_their_route_is_public() -> None:
    public = {(route.template, method) for route in TABLE for method in route.handlers.keys() - route.scopes}
    for path, method, operation in operations():
        is_public = (path, method.upper()) in public
        assert operation.get("security") == ([] if is_public else None)
        assert {"401", "403"} <= operation["responses"].keys() or is_public
    assert {item["post"]["security"][0] == {} for item in DOCUMENT["webhooks"].values()} == {True}


@official.needed
def test_the_security_is_that_of_tams() -> None:
    spec = official.openapi()
    assert DOCUMENT["security"] == spec["security"]
    own, theirs = (document["components"]["securitySchemes"] for document in (DOCUMENT, spec))
    assert own.keys() == theirs.keys()
    for name, scheme in theirs.items():
        assert own[name] | {"description": ""} == scheme | {"description": ""}


@pytest.mark.parametrize(("path", "method", "operation"), list(operations()))
def test_each_operation_has_a_success_a_summary_and_its_body(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert any(status.startswith("2") for status in operation["responses"])
    assert operation["summary"]
    has_body = method in ("put", "post") and not path.endswith(("/restore", "/uploads"))
    assert ("requestBody" in operation) == has_body


@pytest.mark.parametrize(
    ("struct", "schema"),
    [
        (Coverage, SCHEMAS["Coverage"]),
        (StorageUsage, SCHEMAS["StorageUsage"]),
        (BackendUsage, SCHEMAS["StorageUsage"]["properties"]["backends"]["items"]),
        (DeletionRequest, SCHEMAS["DeletionRequest"]),
        (Object, SCHEMAS["Object"]),
        (PostedSegment, SCHEMAS["NewSegment"]),
        (PostedUrl, SCHEMAS["NewSegment"]["properties"]["get_urls"]["items"]),
        (FailedSegment, SCHEMAS["FailedSegments"]["properties"]["failed_segments"]["items"]),
        (StorageRequest, SCHEMAS["StorageRequest"]),
        (StorageBackend, SCHEMAS["StorageBackend"]),
        (ErrorBody, SCHEMAS["Error"]),
        (Service, SCHEMAS["Service"]),
        (EventStream, SCHEMAS["Service"]["properties"]["event_stream_mechanisms"]["items"]),
        (ServiceChange, SCHEMAS["ServiceChange"]),
        (Webhook, SCHEMAS["Webhook"]),
        (NewWebhook, SCHEMAS["NewWebhook"]),
        (SourceChange, SCHEMAS["SourceChanges"]["items"]),
        (BatchResult, SCHEMAS["BatchResults"]["properties"]["results"]["items"]),
    ],
)
def test_schemas_have_the_members_of_the_code(struct: type[msgspec.Struct], schema: dict[str, Any]) -> None:
    assert set(schema["properties"]) == set(struct.__struct_encode_fields__)


def bodies() -> list[str]:
    """The names of the schemas that are bodies of requests, responses or events."""
    items = [*DOCUMENT["paths"].values(), *DOCUMENT["webhooks"].values()]
    text = json.dumps([items, DOCUMENT["components"]["responses"]])
    return sorted(
        set(re.findall(r'"schema": {"\$ref": "#/components/schemas/(\w+)"', text))
        - {"Id", "TimeRange", "Timestamp"}
    )


@pytest.mark.parametrize("name", bodies())
def test_each_body_has_a_valid_example(name: str) -> None:
    (example,) = SCHEMAS[name]["examples"]
    contract.schema(name).validate(example)


def test_only_bodies_and_single_values_have_examples() -> None:
    with_examples = {name for name, schema in SCHEMAS.items() if "examples" in schema}
    assert with_examples - {"MimeType", "Timestamp", "TimeRange"} == set(bodies())


FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.yaml"))


class Strict(yaml.SafeLoader):
    """Refuses a name that is given twice, of which YAML itself keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        assert len(names) == len(set(names)), f"{node.start_mark}: {names}"
        return super().construct_mapping(node, deep=deep)


@pytest.mark.parametrize("name", FILES)
def test_names_in_a_file_are_unique(name: str) -> None:
    yaml.load((FOLDER / name).read_bytes(), Loader=Strict)


def test_each_schema_and_path_is_in_one_file() -> None:
    schemas = [name for file in FILES if file.startswith("schemas/") for name in read(file)]
    assert sorted(schemas) == sorted(SCHEMAS)
    paths = [path for file in FILES if file.startswith("paths/") for path in read(file)["paths"]]
    assert sorted(paths) == sorted(DOCUMENT["paths"])


def test_shared_parameters_and_headers_are_used() -> None:
    used = {part["name"] for path, item in DOCUMENT["paths"].items() for part in parameters_of(item)}
    shared = read("parameters.yaml")
    assert {part.get("name", name) for group in shared.values() for name, part in group.items()} <= used
    responses = [part for _, _, operation in operations() for part in operation["responses"].values()]
    responses += DOCUMENT["components"]["responses"].values()
    assert set(read("headers.yaml")) == {name for part in responses for name in part.get("headers", ())}


def parameters_of(item: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        *item["parameters"],
        *(parameter for method in METHODS for parameter in item.get(method, {}).get("parameters", ())),
    ]


@pytest.mark.parametrize(
    ("place", "limit"),
    [
        ("SourceChanges maxItems", batch.MAX_ITEMS),
        ("NewFlows maxItems", batch.MAX_ITEMS),
        ("NewSegments oneOf 1 maxItems", segment.MAX_SEGMENTS),
        ("NewSegment properties object_id maxLength", MAX_OBJECT_ID_BYTES),
        ("StorageRequest properties object_ids items maxLength", MAX_OBJECT_ID_BYTES),
        ("NewSegment properties get_urls maxItems", external_url.MAX_URLS),
        ("NewSegment properties get_urls items properties url maxLength", external_url.MAX_URL),
        ("NewSegment properties get_urls items properties label maxLength", external_url.MAX_LABEL),
        ("ServiceChange properties name maxLength", service.MAX_CHARACTERS),
        ("ServiceChange properties description maxLength", service.MAX_CHARACTERS),
        ("StorageRequest properties object_ids maxItems", storage.MAX_OBJECTS),
        ("Classes maxItems", MAX_CLASSES),
        *(
            (f"NewWebhook properties {name} maxItems", webhook.MAX_VALUES)
            for name, schema in SCHEMAS["NewWebhook"]["properties"].items()
            if schema.get("type") == "array"
        ),
        ("Format enum", list(filters.FORMATS)),
        ("DeletionRequest properties status enum", list(STATUSES.values())),
        ("Id pattern", f"^{UUID_PATTERN}$"),
    ],
)
def test_limits_equal_those_of_the_code(place: str, limit: int | list[str] | str) -> None:
    part = SCHEMAS
    for step in place.split():
        part = part[int(step) if step.isdigit() else step]
    assert part == limit


@pytest.mark.parametrize(
    ("schema", "limits"),
    [
        (SCHEMAS["Tags"], (tags.MAX_TAGS, tags.MAX_NAME, tags.MAX_VALUE)),
        (SCHEMAS["StorageRequest"]["properties"]["limit"], (storage.MAX_OBJECTS,)),
        (SCHEMAS["NewSegment"], (MAX_EXTRA_BYTES,)),
    ],
)
def test_limits_in_descriptions_equal_those_of_the_code(
    schema: dict[str, Any], limits: tuple[int, ...]
) -> None:
    words = schema["description"].replace(",", "")
    assert all(re.search(rf"\b{limit}\b", words) for limit in limits)


def test_queries_have_the_values_of_the_code() -> None:
    queries = {
        parameter["name"]: parameter["schema"]
        for item in DOCUMENT["paths"].values()
        for parameter in parameters_of(item)
    }
    assert queries["format"]["enum"] == list(filters.FORMATS)
    assert queries["accept_storage_ids"]["pattern"] == f"^({UUID_PATTERN}(,{UUID_PATTERN})*)?$"


def test_each_integer_in_a_body_has_a_maximum() -> None:
    def walk(part: object) -> None:
        if isinstance(part, dict):
            assert part.get("type") != "integer" or "maximum" in part
            for key, child in part.items():
                if key != "examples":
                    walk(child)
        elif isinstance(part, list):
            for child in part:
                walk(child)

    walk(SCHEMAS)


def test_extensions_have_a_tag_and_a_path_of_their_own() -> None:
    for path, _, operation in operations():
        assert path.startswith("/x/") == (operation["tags"] == ["Extensions"])


def test_each_event_is_described() -> None:
    assert set(DOCUMENT["webhooks"]) == EVENT_TYPES
    assert set(SCHEMAS["NewWebhook"]["properties"]["events"]["items"]["enum"]) == EVENT_TYPES


def test_each_error_status_of_the_code_is_described() -> None:
    described = {int(status) for _, _, operation in operations() for status in operation["responses"]}
    # These can be the answer of any path: to a method it lacks, or to a body in an unknown coding.
    assert set(STATUS.values()) - {405, 501} == {status for status in described if status >= 400}


def test_the_server_is_the_public_url() -> None:
    assert DOCUMENT["servers"] == [{"url": "/"}]
    assert json.loads(openapi_json("https://a.example/tams/"))["servers"] == [
        {"url": "https://a.example/tams"}
    ]


# Parameters of this implementation for operations of TAMS.
EXTENSIONS = {"soft_delete", "deleted_by"}


@official.needed
def test_operations_have_the_statuses_and_parameters_of_tams() -> None:
    spec = official.openapi()
    described = {
        (re.sub(r"\{.*?\}", "{}", path), method): operation for path, method, operation in operations()
    }
    for path, item in spec["paths"].items():
        for method in METHODS:
            key = (re.sub(r"\{.*?\}", "{}", path), method)
            if method in item and key in described:
                missing = set(item[method].get("responses", {})) - set(described[key]["responses"])
                assert missing == set(), key
                parameters = {
                    name_of(parameter, spec) for parameter in item[method].get("parameters", [])
                } - {"objectId"}
                own = {parameter["name"] for parameter in described[key]["parameters"]} - EXTENSIONS
                assert parameters == own, key


def name_of(parameter: dict[str, Any], spec: dict[str, Any]) -> str:
    if "$ref" in parameter:
        parameter = spec["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    return str(parameter["name"])


def test_queries_have_a_maximum_only_for_numbers_that_are_not_clamped() -> None:
    bounded = {"max_flows": 100_000, "max_segments": 10_000_000, "segments": playlist.MAX_WINDOW}
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            for parameter in item.get(method, {}).get("parameters", ()):
                if "$ref" not in parameter and parameter["schema"].get("type") == "integer":
                    assert parameter["schema"].get("maximum") == bounded.get(parameter["name"]), path
