"""The objects of the manifests, as kubectl and helm render them."""

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import from_env
from tests.support.kubernetes.programs import run
from tests.support.project.repository import ROOT

K8S = ROOT / "k8s"
OVERLAYS = ("local", "production", "vast")
COMPONENTS = ("mutual-tls", "https", "external-secrets", "external-secrets/vast")
Object = dict[str, Any]
# Written in C where PyYAML has it, which takes a tenth of the time.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def base() -> "Objects":
    """The objects of the base."""
    return Objects(run("kubectl", "kustomize", str(K8S / "base")))


@cache
def overlay(name: str, *components: str) -> "Objects":
    """The objects of an overlay with some components. All tests share them, so nobody changes them."""
    if not components:
        return Objects(run("kubectl", "kustomize", str(K8S / "overlays" / name)))
    with tempfile.TemporaryDirectory() as folder:
        to = os.path.relpath(K8S, Path(folder).resolve())
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "tams",
            "labels": [{"pairs": {"app.kubernetes.io/part-of": "tams"}, "includeTemplates": True}],
            "resources": [f"{to}/overlays/{name}"],
            "components": [f"{to}/components/{component}" for component in components],
        }
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), "utf-8")
        return Objects(run("kubectl", "kustomize", folder))


class Objects:
    """Objects by kind and name. The names of config maps have no suffix here."""

    def __init__(self, text: str) -> None:
        self.all: list[Object] = [item for item in yaml.load_all(text, _LOADER) if item]

    def of(self, kind: str) -> dict[str, Object]:
        """The objects of a kind, by name."""
        return {plain_name(item): item for item in self.all if item["kind"] == kind}

    def one(self, kind: str, name: str) -> Object:
        """An object. KeyError if there is none."""
        return self.of(kind)[name]

    def pod(self, name: str) -> Object:
        """The specification of the pods of a deployment."""
        spec: Object = self.one("Deployment", name)["spec"]["template"]["spec"]
        return spec

    def container(self, name: str) -> Object:
        """The only container of a deployment."""
        [found] = self.pod(name)["containers"]
        container: Object = found
        return container

    def port(self, part: str, name: str) -> int:
        """The number of a named port of a part."""
        [found] = [port["containerPort"] for port in self.container(part)["ports"] if port["name"] == name]
        port: int = found
        return port

    def environment(self) -> dict[str, str]:
        """The settings that all parts read."""
        data: dict[str, str] = self.one("ConfigMap", "settings")["data"]
        return data

    def settings(self, part: str) -> Any:
        """The settings of a part. StartupError for an unknown name or a bad value."""
        return from_env(DEPLOYABLES[part].Settings, DEPLOYABLES[part].PREFIX, self.environment())


def plain_name(item: Object) -> str:
    """The name of an object without the suffix that follows from its content."""
    name: str = item["metadata"]["name"]
    has_suffix = item["kind"] == "ConfigMap" and name not in ("dashboards", "runtime")
    return name.rpartition("-")[0] if has_suffix else name


@cache
def chart(*arguments: str) -> Objects:
    """The objects of the chart with some arguments of helm."""
    return Objects(run("helm", "template", "tams", str(K8S / "chart"), "--namespace", "tams", *arguments))
