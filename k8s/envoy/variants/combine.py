# ruff: noqa: INP001 - a script beside the files it combines, not part of a package
"""Writes the configuration with variants: `python k8s/envoy/variants/combine.py files https > envoy.yaml`.

Each name is that of a file in this folder, which says what it changes. Comments are left out.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
CONFIG = FOLDER.parent / "envoy.yaml"

Tree = dict[str, Any]


class _Expanded(yaml.SafeDumper):
    """Writes what occurs several times each time, without anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the same for all data
        return True


def combined(variants: list[str]) -> Tree:
    """The configuration with these variants. ValueError for an unknown name."""
    config: Tree = _copy(yaml.safe_load(CONFIG.read_text("utf-8")))
    for name in variants:
        path = FOLDER / f"{name}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.yaml")))
            raise ValueError(f"no variant {name}; there are {known}")
        _apply(config, yaml.safe_load(path.read_text("utf-8")))
    return config


def text_of(config: Tree) -> str:
    """The configuration as YAML."""
    return yaml.dump(config, Dumper=_Expanded, sort_keys=False, width=120)


def _apply(config: Tree, variant: Tree) -> None:
    resources = config["static_resources"]
    for kind, change in (("listeners", _change_listener), ("clusters", _change_cluster)):
        changes = variant.get(kind, {})
        for item in resources[kind]:
            if item["name"] in changes.get("names", ()):
                change(item, _named(changes, item["name"]))
    for kind, items in variant.get("static_resources", {}).items():
        resources[kind].extend(items)


def _change_listener(listener: Tree, changes: Tree) -> None:
    (chain,) = listener["filter_chains"]
    chain.update(changes.get("filter_chain", {}))
    (manager,) = chain["filters"]
    filters = manager["typed_config"]["http_filters"]
    filters[:0] = changes.get("http_filters", [])


def _change_cluster(cluster: Tree, changes: Tree) -> None:
    for member in changes.get("remove", ()):
        del cluster[member]
    cluster.update(changes["add"])


def _named(value: Any, name: str) -> Any:
    """A copy in which $NAME is replaced."""
    if isinstance(value, dict):
        return {key: _named(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item, name) for item in value]
    return value.replace("$NAME", name) if isinstance(value, str) else value


def _copy(value: Any) -> Any:
    """A copy in which nothing occurs twice, so that a change of one place is that of one place."""
    return _named(value, "$NAME")


if __name__ == "__main__":
    try:
        sys.stdout.write(text_of(combined(sys.argv[1:])))
    except ValueError as error:
        sys.exit(f"combine: {error}")
