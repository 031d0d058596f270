"""The charts as helm renders them."""

import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.helm import Helm
from support.api import Object

CHARTS = Path(__file__).parents[2] / "charts"
OPERATOR, CRDS, AUTHZ = "eco2-operator", "eco2-operator-crds", "eco2-authz"
NAMES = (OPERATOR, CRDS, AUTHZ)
NAMESPACE = "platform-system"


@cache
def program() -> Path:
    """The helm program; built the first time."""
    return resolve_binaries(["helm"])["helm"]


def offline() -> Helm:
    """Helm without a cluster."""
    return Helm(Path(tempfile.gettempdir()) / "no-cluster", program=program())


def template(chart: str, values: Mapping[str, Any], *, release: str = "") -> str:
    """What helm would send, as text. Raises CommandError when it refuses the values."""
    where = (release or chart, str(CHARTS / chart), f"--namespace={NAMESPACE}")
    return offline().run("template", *where, "--values=-", stdin=json.dumps(values))


def render(chart: str, values: Mapping[str, Any], *, release: str = "") -> list[Object]:
    """What helm would send."""
    documents = yaml.safe_load_all(template(chart, values, release=release))
    return sorted((obj for obj in documents if obj), key=lambda obj: (obj["kind"], *place(obj)))


def place(obj: Object) -> tuple[str, str]:
    """Namespace and name."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def one(objects: list[Object], kind: str, name: str = "") -> Object:
    """The object of a kind, and of a name where there are several."""
    (found,) = [obj for obj in objects if obj["kind"] == kind and name in ("", obj["metadata"]["name"])]
    return found


def variables(deployment: Object) -> dict[str, str]:
    """What the chart says to the program; a reference counts as what it refers to."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value", json.dumps(each.get("valueFrom"))) for each in container["env"]}
