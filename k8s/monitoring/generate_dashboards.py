# ruff: noqa: INP001 - a script beside the files it writes, not part of a package
"""Writes the dashboards of Grafana in dashboards/ from the short descriptions in panels/.

A description has a title, a text, and rows of panels. A panel has a `title`, a `unit` of Grafana, and one of:

query       PromQL, with `legend` for the name of each line
queries     PromQL by the name of its line
quantiles   a histogram, of which the median and the 99th percentile are shown; `by` has labels to separate

`kind` is the type of the panel, by default timeseries; `width` is in 24ths of a row; `max` is the end of the
axis; `text` describes the panel. A stat is green, orange from `warn` on, and red from `alarm` on. In PromQL,
STORE stands for the labels of the stores that the reader chose.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parent
SOURCES: Final = FOLDER / "panels"
DASHBOARDS: Final = FOLDER / "dashboards"
STORE: Final = 'job="tams", namespace=~"$namespace"'

Json = dict[str, Any]
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS: Final = 24
_WIDTH: Final = 8
_HEIGHT: Final = 8
_LOW: Final = 4


def dashboards() -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    for source in sorted(SOURCES.glob("*.yaml")):
        board = _dashboard(source.stem, yaml.safe_load(source.read_text("utf-8")))
        yield f"{source.stem}.json", json.dumps(board, indent=1, ensure_ascii=False) + "\n"


def _dashboard(name: str, source: Mapping[str, Any]) -> Json:
    return {
        "uid": f"tams-{name}",
        "title": f"TAMS: {source['title']}",
        "description": source["text"],
        "tags": ["tams"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [
            {
                "type": "dashboards", "title": "TAMS", "tags": ["tams"], "asDropdown": True,
                "includeVars": True, "keepTime": True,
            }
        ],
        "templating": {"list": [_datasource(), _namespace()]},
        "panels": list(_placed(source["rows"])),
    }  # fmt: skip


def _datasource() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _namespace() -> Json:
    # Outside of Kubernetes there is no such label: the value for all must fit its absence too.
    query = 'label_values(tams_build_info{job="tams"}, namespace)'
    return {
        "name": "namespace", "label": "Store", "type": "query", "datasource": _DATASOURCE, "refresh": 2,
        "query": {"query": query, "refId": "namespaces"}, "includeAll": True, "allValue": ".*", "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def _placed(rows: list[Json]) -> Iterator[Json]:
    """The panels of all rows with their numbers and places, each row under a heading."""
    number, top = 1, 0
    for row in rows:
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row["title"], "collapsed": False, "gridPos": place}
        number, top, left, height = number + 1, top + 1, 0, 0
        for source in row["panels"]:
            panel, width = _panel(source), source.get("width", _WIDTH)
            if left + width > _COLUMNS:
                top, left, height = top + height, 0, 0
            tall = _LOW if panel["type"] == "stat" else _HEIGHT
            yield {"id": number, **panel, "gridPos": {"x": left, "y": top, "w": width, "h": tall}}
            number, left, height = number + 1, left + width, max(height, tall)
        top += height


def _panel(source: Json) -> Json:
    kind = source.get("kind", "timeseries")
    panel: Json = {"type": kind, "title": source["title"]}
    if "text" in source:
        panel["description"] = source["text"]
    if kind == "alertlist":
        return panel | {"options": {"alertName": "Tams", "stateFilter": {"firing": True, "pending": True}}}
    return panel | {
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": _defaults(source, kind), "overrides": []},
        "targets": [_target(*each, kind, chr(ord("A") + n)) for n, each in enumerate(_queries(source))],
    }


def _defaults(source: Json, kind: str) -> Json:
    defaults: Json = {"unit": source.get("unit", "short"), "min": 0}
    if "max" in source:
        defaults["max"] = source["max"]
    if kind == "stat" and "warn" in source:
        levels = ("green", None), ("orange", source["warn"]), ("red", source["alarm"])
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": [{"color": color, "value": value} for color, value in levels],
        }
    return defaults


def _queries(source: Json) -> Iterator[tuple[str, str]]:
    """The legend and the PromQL of each query of a panel."""
    if "quantiles" in source:
        labels = source.get("by", [])
        names = "".join(f" {{{{{label}}}}}" for label in labels)
        for quantile, title in (("0.5", "median"), ("0.99", "99 %")):
            rates = f"rate({source['quantiles']}_bucket{{STORE}}[$__rate_interval])"
            grouped = f"sum by ({', '.join([*labels, 'le'])}) ({rates})"
            yield title + names, f"histogram_quantile({quantile}, {grouped})"
    elif "queries" in source:
        yield from source["queries"].items()
    else:
        yield source.get("legend", ""), source["query"]


def _target(legend: str, query: str, kind: str, name: str) -> Json:
    target: Json = {
        "refId": name,
        "datasource": _DATASOURCE,
        "expr": query.replace("STORE", STORE).strip(),
        "legendFormat": legend,
    }
    if kind == "table":
        return target | {"format": "table", "instant": True}
    # Exemplars link a dot in the panel to its trace.
    return target | {"instant": True} if kind == "stat" else target | {"exemplar": "_bucket{" in query}


if __name__ == "__main__":
    for filename, text in dashboards():
        (DASHBOARDS / filename).write_text(text, "utf-8")
