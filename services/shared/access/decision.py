"""The decisions of access control: may this caller do that."""

from collections.abc import Collection, Iterable

from services.shared.access.principal import Principal, Scope
from services.shared.errors import PermissionDenied


def require(principal: Principal, scopes: Collection[Scope]) -> None:
    """PermissionDenied MISSING_SCOPE unless the caller has one of the scopes. An empty list admits nobody."""
    if principal.scopes.isdisjoint(scopes):
        needed = " or ".join(sorted(scopes)) or "a scope that nobody has"
        raise PermissionDenied(f"{principal.name} lacks the scope {needed}", reason="MISSING_SCOPE")


def require_flow(principal: Principal, flow_ids: Iterable[str]) -> None:
    """PermissionDenied OUTSIDE_TOKEN if the caller's token is for one flow, and not all ids are of that flow.

    An empty list of ids is outside of such a token, because nothing says which flow is meant.
    """
    limit = principal.limit
    if limit is not None and limit.flow_id and set(flow_ids) != {limit.flow_id}:
        raise PermissionDenied(f"the token is for the flow {limit.flow_id} alone", reason="OUTSIDE_TOKEN")


def require_method(principal: Principal, method: str) -> None:
    """PermissionDenied OUTSIDE_TOKEN if the caller's token is not for this method of HTTP."""
    limit = principal.limit
    if limit is not None and method not in limit.methods:
        allowed = ", ".join(sorted(limit.methods))
        raise PermissionDenied(f"the token is for {allowed} alone", reason="OUTSIDE_TOKEN")
