"""Checks the network policies: who reaches whom, as a cluster would decide it."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest

from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import env_names
from services.vast_client.connections.address import VastAddress
from tests.support.kubernetes.rendered import OVERLAYS, Object, Objects, overlay

METRICS, COLLECTOR = 9464, 4318
# The examples of addresses outside of the cluster, and one that a webhook may have.
STORAGE, ISSUER, VAST = "192.0.2.7", "198.51.100.7", "203.0.113.7"
INTERNAL, LINK_LOCAL, PUBLIC = "10.1.2.3", "169.254.169.254", "93.184.216.34"


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a selector of Kubernetes selects labels."""
    plain = selector.get("matchLabels", {}).items() <= labels.items()
    return plain and all(
        labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", ())
        if each["operator"] == "In"
    )


def labels_of(part: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": part, "app.kubernetes.io/part-of": "tams"}


def rules(objects: Objects, part: str, direction: str) -> Iterator[Object]:
    """The rules of one direction for the pods of a part, of all policies that select them."""
    for policy in objects.of("NetworkPolicy").values():
        if matches(policy["spec"]["podSelector"], labels_of(part)):
            yield from policy["spec"].get(direction, ())


def permits(rule: Object, side: str, peer: Any, port: int) -> bool:
    """Whether a rule permits a port of, or from, a peer: a part, a namespace as `ns:NAME`, or an address."""
    ports = rule.get("ports")
    if ports is not None and not any(each.get("port", port) == port for each in ports):
        return False
    return side not in rule or any(is_peer(each, peer) for each in rule[side])


def is_peer(selector: Object, peer: str) -> bool:
    if block := selector.get("ipBlock"):
        return peer[0].isdigit() and (
            ip_address(peer) in ip_network(block["cidr"])
            and not any(ip_address(peer) in ip_network(part) for part in block.get("except", ()))
        )
    if namespace := selector.get("namespaceSelector"):
        return matches(namespace, {"kubernetes.io/metadata.name": peer.removeprefix("ns:")})
    return matches(selector["podSelector"], labels_of(peer))


def leaves(objects: Objects, part: str, peer: str, port: int) -> bool:
    return any(permits(rule, "to", peer, port) for rule in rules(objects, part, "egress"))


def enters(objects: Objects, part: str, peer: str, port: int) -> bool:
    return any(permits(rule, "from", peer, port) for rule in rules(objects, part, "ingress"))


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_part_reaches_exactly_the_parts_whose_addresses_it_reads(name: str) -> None:
    objects = overlay(name)
    for part, module in DEPLOYABLES.items():
        fields = env_names(module.Settings, module.PREFIX)
        peers = {field.removesuffix("_address") for field in fields if field.endswith("_address")}
        ports = {other: DEPLOYABLES[other].Settings().port for other in DEPLOYABLES}
        assert {other for other in DEPLOYABLES if leaves(objects, part, other, ports[other])} == peers
        entered = {
            other for other in ports if other != "gateway" and enters(objects, other, part, ports[other])
        }
        assert entered == peers


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_part_is_closed_in_both_directions_unless_a_policy_opens_it(name: str) -> None:
    policies = overlay(name).of("NetworkPolicy").values()
    for part in overlay(name).of("Deployment"):
        chosen = [each["spec"] for each in policies if matches(each["spec"]["podSelector"], labels_of(part))]
        assert {direction for spec in chosen for direction in spec["policyTypes"]} == {"Ingress", "Egress"}


def outside(name: str, address: str, port: int = 443) -> set[str]:
    """The parts that reach an address outside of the cluster."""
    return {part for part in DEPLOYABLES if leaves(overlay(name), part, address, port)}


def test_only_media_reaches_object_storage() -> None:
    assert outside("production", STORAGE) == outside("vast", STORAGE) == {"media"}
    local = overlay("local")
    assert [part for part in DEPLOYABLES if leaves(local, part, "storage", 8333)] == ["media"]
    assert [part for part in DEPLOYABLES if enters(local, "storage", part, 8333)] == ["media"]


def test_only_metadata_and_analytics_reach_vast() -> None:
    objects = overlay("vast")
    endpoints = VastAddress.parse(objects.environment()["TAMS_STORE_URL"]).endpoints
    for endpoint in endpoints:
        assert outside("vast", VAST, urlsplit(endpoint).port or 0) == {"metadata", "analytics"}
    assert outside("production", VAST) == outside("local", VAST) == set()


def test_only_the_gateway_reads_the_keys_of_the_issuer() -> None:
    assert outside("production", ISSUER) == {"gateway"}
    assert outside("local", ISSUER) == set()


@pytest.mark.parametrize("name", OVERLAYS)
def test_only_events_reaches_addresses_that_clients_choose_and_none_within(name: str) -> None:
    for port in (80, 443, 8080):
        assert outside(name, PUBLIC, port) == {"events"}
        assert outside(name, INTERNAL, port) == outside(name, LINK_LOCAL, port) == set()


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_part_resolves_names_and_is_measured_from_one_namespace(name: str) -> None:
    objects = overlay(name)
    for part in DEPLOYABLES:
        assert leaves(objects, part, "ns:kube-system", 53)
        assert objects.port(part, "metrics") == METRICS
        assert enters(objects, part, "ns:monitoring", METRICS)
        assert (
            not enters(objects, part, "ns:monitoring", DEPLOYABLES[part].Settings().port) or part == "gateway"
        )
        assert not enters(objects, part, "ns:elsewhere", METRICS)
        assert leaves(objects, part, "ns:monitoring", COLLECTOR)


def test_the_gateway_is_reached_from_the_proxies_alone_where_they_say_who_the_client_is() -> None:
    for name in OVERLAYS:
        objects, port = overlay(name), DEPLOYABLES["gateway"].Settings().port
        open_to_all = enters(objects, "gateway", "ns:elsewhere", port)
        assert enters(objects, "gateway", "ns:gateway-system", port)
        assert open_to_all != objects.settings("gateway").trust_forwarded
