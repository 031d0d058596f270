"""What everybody has to make: N applications with the same five children.

The children are what the operator's own builders render. kro's templates are made from them, each value that an
EcoDomain sets replaced by the expression that reads it from the instance, so that both make objects of equal content.
"""

from collections.abc import Callable
from typing import Any, Final

from eco2_operator.cache import Cache
from eco2_operator.gather import domain_context
from eco2_operator.kinds import DEPLOYMENT, NETWORK_POLICY, POD_DISRUPTION_BUDGET, SERVICE, SERVICE_ACCOUNT
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import API_VERSION, MANAGED_BY_LABEL, Manifest
from eco2_operator.plan import plan_domain
from eco2_operator.settings import Settings

NAMESPACE: Final = "bench"
IMAGE: Final = "docker.io/mng990/eco2"
FIRST_TAG: Final = "v1"
PORT: Final = 8000
REPLICAS: Final = 2
"""With one replica there would be no PodDisruptionBudget."""
KINDS: Final = (SERVICE_ACCOUNT, NETWORK_POLICY, SERVICE, POD_DISRUPTION_BUDGET, DEPLOYMENT)


def names(count: int) -> list[str]:
    """The applications' names."""
    return [f"app-{number:04d}" for number in range(count)]


def domain(name: str) -> Manifest:
    """An application as an EcoDomain."""
    return {
        "apiVersion": API_VERSION,
        "kind": "EcoDomain",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"image": f"{IMAGE}:{FIRST_TAG}", "replicas": REPLICAS, "port": PORT},
    }


def children(name: str) -> list[Manifest]:
    """The objects of one application, as `eco2 render` prints them."""
    wanted = parse(domain(name), EcoDomainSpec)
    found = list(plan_domain(wanted, domain_context(wanted, Cache(), Settings().cluster)).children)
    kinds = {child["kind"] for child in found}
    if kinds != {kind.name for kind in KINDS}:
        raise AssertionError(f"the builders make {sorted(kinds)}: the comparison is about other kinds")
    return found


def instance(name: str) -> Manifest:
    """An application as an instance of kro's graph."""
    return {
        "apiVersion": "kro.run/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"image": f"{IMAGE}:{FIRST_TAG}", "replicas": REPLICAS, "port": PORT},
    }


def graph(*, waits: bool) -> Manifest:
    """kro's ResourceGraphDefinition for the same children.

    Args:
        waits: an instance is ACTIVE when its pods serve, as an EcoDomain is Ready, and says how many do; otherwise
            when the objects exist.
    """
    resources = [_resource(child, waits=waits) for child in children("placeholder")]
    schema: Manifest = {
        "apiVersion": "v1alpha1",
        "kind": "Application",
        "spec": {"image": "string", "replicas": f"integer | default={REPLICAS}", "port": f"integer | default={PORT}"},
    }
    if waits:
        schema["status"] = {"availableReplicas": "${deployment.status.availableReplicas}"}
    return {
        "apiVersion": "kro.run/v1alpha1",
        "kind": "ResourceGraphDefinition",
        "metadata": {"name": "applications.kro.run"},
        "spec": {"schema": schema, "resources": resources},
    }


def _resource(child: Manifest, *, waits: bool) -> Manifest:
    kind = str(child["kind"])
    identity = kind[0].lower() + kind[1:]
    template = _replaced(child, _as_expression)
    # kro sets this label itself and refuses a template that does.
    del template["metadata"]["labels"][MANAGED_BY_LABEL]
    resource: Manifest = {"id": identity, "template": template}
    if waits and kind == DEPLOYMENT.name:
        resource["readyWhen"] = [f"${{{identity}.spec.replicas == {identity}.status.availableReplicas}}"]
    return resource


_EXPRESSIONS: Final[dict[Any, str]] = {
    "placeholder": "${schema.metadata.name}",
    NAMESPACE: "${schema.metadata.namespace}",
    f"{IMAGE}:{FIRST_TAG}": "${schema.spec.image}",
    PORT: "${schema.spec.port}",
}


def _as_expression(key: str, value: Any) -> Any:
    if key == "replicas":
        return "${schema.spec.replicas}"
    return _EXPRESSIONS.get(value, value)


def _replaced(node: Any, replace: Callable[[str, Any], Any], key: str = "") -> Any:
    if isinstance(node, dict):
        return {name: _replaced(value, replace, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_replaced(value, replace, key) for value in node]
    return replace(key, node)
