"""Schemas of custom resources, with the fields that the manifests use. Other fields are refused as typos."""

from typing import Any, Final

_TEXT: Final = {"type": "string"}
_LABELS: Final = {"type": "object", "additionalProperties": _TEXT}


def _fields(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1}


_DURATION: Final = {"type": "string", "pattern": r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"}
_PATH: Final = _fields("type", "value", type={"enum": ["Exact", "PathPrefix"]}, value=_TEXT)
_ROUTE: Final = _fields(
    "parentRefs", "rules",
    parentRefs=_list(_fields("name", name=_TEXT, namespace=_TEXT, sectionName=_TEXT)),
    hostnames=_list(_TEXT),
    rules=_list(
        _fields(
            matches=_list(_fields(path=_PATH)),
            backendRefs=_list(_fields("name", "port", name=_TEXT, port={"type": "integer"})),
            timeouts=_fields(request=_DURATION, backendRequest=_DURATION),
        )
    ),
)  # fmt: skip
_POD_MONITOR: Final = _fields(
    "selector", "podMetricsEndpoints",
    selector=_fields(matchLabels=_LABELS),
    jobLabel=_TEXT,
    podMetricsEndpoints=_list(
        _fields(
            port=_TEXT,
            interval=_DURATION,
            relabelings=_list(_fields(sourceLabels=_list(_TEXT), targetLabel=_TEXT, regex=_TEXT)),
        )
    ),
)  # fmt: skip
_RULE: Final = {**_fields("expr", expr=_TEXT, alert=_TEXT, record=_TEXT, labels=_LABELS, annotations=_LABELS)}
_RULE["properties"] |= {"for": _DURATION, "keep_firing_for": _DURATION}
_RULES: Final = _fields(
    "groups", groups=_list(_fields("name", "rules", name=_TEXT, interval=_DURATION, rules=_list(_RULE)))
)
_EXTERNAL_SECRET: Final = _fields(
    "secretStoreRef", "target", "dataFrom",
    secretStoreRef=_fields("name", "kind", name=_TEXT, kind={"enum": ["SecretStore", "ClusterSecretStore"]}),
    refreshInterval=_DURATION,
    target=_fields("name", name=_TEXT),
    dataFrom=_list(_fields("extract", extract=_fields("key", key=_TEXT))),
)  # fmt: skip

SCHEMAS: Final = {
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): _ROUTE,
    ("monitoring.coreos.com/v1", "PodMonitor"): _POD_MONITOR,
    ("monitoring.coreos.com/v1", "PrometheusRule"): _RULES,
    ("external-secrets.io/v1", "ExternalSecret"): _EXTERNAL_SECRET,
}
