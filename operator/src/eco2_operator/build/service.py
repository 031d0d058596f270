"""The Service in front of the pods."""

from collections.abc import Mapping, Sequence

from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.fields import given
from eco2_operator.build.labels import metadata, selector
from eco2_operator.build.ports import ports
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.service import Port, ServiceSpec
from eco2_operator.naming import Manifest


def build(domain: Domain, ctx: DomainContext) -> Manifest | None:
    """The Service; None for a worker."""
    spec = domain.spec
    if spec.workload == "worker":
        return None
    service = spec.service or ServiceSpec()
    external = service.type == "NodePort"
    own = ports(spec)
    names = _names(own)
    node_ports = _node_ports(spec, ctx.node_ports) if external else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(domain),
        "spec": given(
            {
                "type": service.type,
                # With Cluster, requests arrive from node addresses, which every CNI lets through.
                "externalTrafficPolicy": (service.external_traffic_policy or "Local") if external else None,
                "selector": selector(domain),
                "ports": [
                    given(
                        {
                            "name": names[port.name],
                            "port": port.service_port or (80 if port is own[0] else port.port),
                            "targetPort": port.name,
                            "protocol": "TCP",
                            "appProtocol": port.app_protocol,
                            "nodePort": node_ports.get(port.name),
                        }
                    )
                    for port in own
                ],
            }
        ),
    }


def _names(own: Sequence[Port]) -> dict[str, str]:
    """Service port names: Istio reads the protocol from the part before the first dash."""
    seen: set[str] = set()
    names = {}
    for port in own:
        protocol = port.app_protocol
        names[port.name] = f"{protocol}-{port.name}" if protocol in seen else protocol
        seen.add(protocol)
    return names


def _node_ports(spec: EcoDomainSpec, known: Mapping[str, int]) -> dict[str, int]:
    """The requested node port of each port, else the one it has; none where the cluster is to choose."""
    own = ports(spec)
    result = {port.name: port.node_port for port in own if port.node_port is not None}
    if spec.node_port is not None:
        result[own[0].name] = spec.node_port
    for port in own:
        number = known.get(port.name)
        # A number that another port requests now must be given up, or the API server refuses the Service.
        if number is not None and port.name not in result and number not in result.values():
            result[port.name] = number
    return result
