"""The OpenAPI document against the route table, the codecs and the rules of OpenAPI."""

import inspect
import json
import re

import pytest
from openapi_spec_validator import validate

from gateway.codecs.analytics import BackendUsage, Coverage, StorageUsage
from gateway.codecs.batch import BatchResult, SourceChange
from gateway.codecs.deletion_request import DeletionRequest
from gateway.codecs.object import Object
from gateway.codecs.segment import FailedSegment, PostedSegment, PostedUrl
from gateway.codecs.service import EventStream, Service, ServiceChange
from gateway.codecs.storage import StorageRequest
from gateway.codecs.storage_backend import StorageBackend
from gateway.codecs.webhook import NewWebhook, Webhook
from gateway.errors import STATUS, ErrorBody
from gateway.openapi.document import openapi_json
from gateway.openapi.examples import EXAMPLES
from gateway.openapi.page import html
from gateway.routes import Handlers, routes
from services.metadata.domain.event import EVENT_TYPES
from tests.support import contract, official

DOCUMENT = json.loads(openapi_json(""))
SCHEMAS = DOCUMENT["components"]["schemas"]
METHODS = ("get", "head", "put", "post", "delete")


class Anything:
    """Stands for each resource: the route table only asks for its handlers."""

    def __init__(self, cls):
        self._cls = cls

    def __getattr__(self, name):
        return getattr(self._cls, name)


TABLE = routes(Handlers(**{name: Anything(cls) for name, cls in inspect.get_annotations(Handlers).items()}))


def operations():
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def test_the_document_is_valid_openapi():
    validate(DOCUMENT)


def test_every_route_is_described_and_nothing_else():
    described = {(path, method.upper()) for path, method, _ in operations()}
    assert described == {(route.template, method) for route in TABLE for method in route.handlers}


def test_paths_stand_in_the_order_of_the_routes():
    assert list(DOCUMENT["paths"]) == [route.template for route in TABLE]


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.template)
def test_handlers_take_the_parameters_of_their_path(route):
    for handler in route.handlers.values():
        takes = len(inspect.signature(handler).parameters) - len(("self", "request"))
        assert takes == route.template.count("{")


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))


def test_everything_referred_to_exists_and_everything_is_referred_to():
    text = json.dumps(DOCUMENT)
    referred = set(re.findall(r'"#/components/(\w+)/(\w+)"', text))
    assert referred == {(kind, name) for kind, parts in DOCUMENT["components"].items() for name in parts}


@pytest.mark.parametrize(("path", "method", "operation"), list(operations()))
def test_every_operation_says_how_it_succeeds_and_what_it_reads(path, method, operation):
    assert any(status.startswith("2") for status in operation["responses"])
    assert operation["summary"]
    assert ("requestBody" in operation) == (method in ("put", "post"))


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
def test_schemas_have_the_members_of_the_code(struct, schema):
    assert set(schema["properties"]) == set(struct.__struct_encode_fields__)


def bodies():
    """The name of each schema that a request, response or message has for its body."""
    items = [*DOCUMENT["paths"].values(), *DOCUMENT["webhooks"].values()]
    text = json.dumps([items, DOCUMENT["components"]["responses"]])
    return sorted(
        set(re.findall(r'"schema": {"\$ref": "#/components/schemas/(\w+)"', text)) - {"Id", "TimeRange"}
    )


@pytest.mark.parametrize("name", bodies())
def test_every_body_has_an_example_that_fits(name):
    (example,) = SCHEMAS[name]["examples"]
    contract.schema(name).validate(example)


def test_there_are_no_other_examples():
    assert set(EXAMPLES) == set(bodies())


def test_extensions_are_told_apart():
    for path, _, operation in operations():
        assert path.startswith("/x/") == (operation["tags"] == ["Extensions"])


def test_every_event_is_described():
    assert set(DOCUMENT["webhooks"]) == EVENT_TYPES
    assert set(SCHEMAS["NewWebhook"]["properties"]["events"]["items"]["enum"]) == EVENT_TYPES


def test_every_error_status_of_the_code_is_described():
    described = {int(status) for _, _, operation in operations() for status in operation["responses"]}
    # Any path that is unknown or asked with another method, whatever the operation.
    assert set(STATUS.values()) - {405} == {status for status in described if status >= 400}


def test_the_server_is_where_clients_reach_it():
    assert DOCUMENT["servers"] == [{"url": "/"}]
    assert json.loads(openapi_json("https://a.example/tams/"))["servers"] == [
        {"url": "https://a.example/tams"}
    ]


def test_the_page_shows_every_operation_and_schema():
    page = html(openapi_json("")).decode()
    for _, method, operation in operations():
        assert (f'id="{operation["operationId"]}"' in page) == (method != "head")
    for name in SCHEMAS:
        assert f'id="{name}"' in page
    for event in DOCUMENT["webhooks"]:
        assert f"<code>{event}</code>" in page


def test_text_cannot_break_the_page():
    document = DOCUMENT | {"info": DOCUMENT["info"] | {"title": "<script>"}}
    assert "<script" not in html(json.dumps(document).encode()).decode()


@official.needed
def test_operations_and_documented_statuses_are_those_of_tams():
    spec = official.openapi()
    ours = {(re.sub(r"\{.*?\}", "{}", path), method): one for path, method, one in operations()}
    for path, item in spec["paths"].items():
        for method in METHODS:
            key = (re.sub(r"\{.*?\}", "{}", path), method)
            if method in item and key in ours:
                missing = set(item[method].get("responses", {})) - set(ours[key]["responses"])
                assert missing == set(), key
                theirs = {name(one, spec) for one in item[method].get("parameters", [])} - {"objectId"}
                assert theirs == {one["name"] for one in ours[key]["parameters"]}, key


def name(parameter, spec):
    if "$ref" in parameter:
        parameter = spec["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    return parameter["name"]
