"""Checks that every operation has a scope, and docs/access-control.md against the code."""

import pytest
from google.protobuf.descriptor import MethodDescriptor

from docs.generate_scopes import PAGE, all_routes, http_operations, page, rpcs, services
from gateway.http.routing import Route
from services.shared.access.principal import Scope
from services.shared.rpc.scopes import scopes_of
from tests.support.project.repository import files

# A token for URLs allows no more than its maker may do, and a password is the caller's own.
FOR_READERS = {"/x/tokens", "/x/users/me/password"}
# The only routes that are open to everyone.
PUBLIC = {"/ready", "/health", "/health/live", "/openapi.json", "/docs", "/docs/{file}"}


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text("utf-8")
    up_to_date = page(text) == text
    assert up_to_date, "run make docs"


def test_every_proto_is_looked_at() -> None:
    declared = sum(path.read_text("utf-8").count("\n  rpc ") for path in files("protos/tams/*.proto"))
    assert len(list(rpcs())) == declared > 0
    assert len(list(services())) == len(files("protos/tams/*_service.proto"))


@pytest.mark.parametrize("method", list(rpcs()), ids=lambda method: method.full_name)
def test_every_rpc_declares_a_scope(method: MethodDescriptor) -> None:
    assert scopes_of(method)


@pytest.mark.parametrize("method", list(rpcs()), ids=lambda method: method.full_name)
def test_every_rpc_is_unary(method: MethodDescriptor) -> None:
    """The guard wraps no streams."""
    assert not method.client_streaming
    assert not method.server_streaming


@pytest.mark.parametrize("route", all_routes(), ids=lambda route: route.template)
def test_every_route_has_a_scope_or_is_public(route: Route) -> None:
    if route.template in PUBLIC:
        assert route.scopes == {}
    else:
        assert route.scopes.keys() == route.handlers.keys()
        assert Scope.SERVICE not in route.scopes.values()


@pytest.mark.parametrize("route", all_routes(), ids=lambda route: route.template)
def test_administration_is_for_admins(route: Route) -> None:
    if route.template.startswith("/x/admin"):
        assert set(route.scopes.values()) == {Scope.ADMIN}


def test_only_reads_need_just_the_scope_to_read() -> None:
    for operation in http_operations():
        reads = operation.method == "GET" or operation.path in FOR_READERS
        assert (operation.scope is Scope.READ) <= reads, operation
