"""The Kubernetes kinds the operator reads and writes, and where they live in the API."""

from dataclasses import dataclass
from typing import Final

from eco2_operator.naming import GROUP, VERSION


@dataclass(frozen=True, slots=True)
class Kind:
    """One served resource."""

    group: str
    version: str
    name: str
    plural: str

    @property
    def api_version(self) -> str:
        """``group/version``, or the version alone in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def base(self) -> str:
        """Root of the URL path of its group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """URL path of the collection, of one object, or of its subresource."""
        parts = [self.base]
        if namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


ECO_DOMAIN: Final = Kind(GROUP, VERSION, "EcoDomain", "ecodomains")
ECO_INGRESS: Final = Kind(GROUP, VERSION, "EcoIngress", "ecoingresses")
ECO_SECRET_BINDING: Final = Kind(GROUP, VERSION, "EcoSecretBinding", "ecosecretbindings")
RESOURCES: Final = (ECO_DOMAIN, ECO_INGRESS, ECO_SECRET_BINDING)
"""The custom resources this version reads."""

SERVICE_ACCOUNT: Final = Kind("", "v1", "ServiceAccount", "serviceaccounts")
SERVICE: Final = Kind("", "v1", "Service", "services")
DEPLOYMENT: Final = Kind("apps", "v1", "Deployment", "deployments")
NETWORK_POLICY: Final = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
POD_DISRUPTION_BUDGET: Final = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
HORIZONTAL_POD_AUTOSCALER: Final = Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
CHILDREN: Final = (
    SERVICE_ACCOUNT,
    NETWORK_POLICY,
    SERVICE,
    POD_DISRUPTION_BUDGET,
    HORIZONTAL_POD_AUTOSCALER,
    DEPLOYMENT,
)
"""What builders make, in the order it is applied: pods come last, when what guards them is there."""

INGRESS: Final = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
"""A load balancer's rules, of an entrance."""

SERVICE_MONITOR: Final = Kind("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors")
AUTHORIZATION_POLICY: Final = Kind("security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies")
PEER_AUTHENTICATION: Final = Kind("security.istio.io", "v1", "PeerAuthentication", "peerauthentications")
REQUEST_AUTHENTICATION: Final = Kind("security.istio.io", "v1", "RequestAuthentication", "requestauthentications")
GATEWAY: Final = Kind("networking.istio.io", "v1", "Gateway", "gateways")
ENVOY_FILTER: Final = Kind("networking.istio.io", "v1alpha3", "EnvoyFilter", "envoyfilters")
VIRTUAL_SERVICE: Final = Kind("networking.istio.io", "v1", "VirtualService", "virtualservices")
ENTRANCE: Final = (GATEWAY, REQUEST_AUTHENTICATION, AUTHORIZATION_POLICY, ENVOY_FILTER, VIRTUAL_SERVICE)
"""What an entrance through the Istio gateway is made of, in the order it is applied: routes come last."""
EXTERNAL_SECRET: Final = Kind("external-secrets.io", "v1", "ExternalSecret", "externalsecrets")
OPTIONAL: Final = (
    AUTHORIZATION_POLICY,
    PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION,
    GATEWAY,
    ENVOY_FILTER,
    VIRTUAL_SERVICE,
    SERVICE_MONITOR,
    EXTERNAL_SECRET,
)
"""Children of kinds that a cluster may lack: made where they are served."""

SECRET: Final = Kind("", "v1", "Secret", "secrets")
CONFIG_MAP: Final = Kind("", "v1", "ConfigMap", "configmaps")
JOB: Final = Kind("batch", "v1", "Job", "jobs")
CONTROLLER_REVISION: Final = Kind("apps", "v1", "ControllerRevision", "controllerrevisions")
KEPT: Final = (SECRET, JOB, CONTROLLER_REVISION)
"""Made outside the plan, each with a life of its own: a Job runs once, a revision remembers, a Secret has values."""

NAMESPACE: Final = Kind("", "v1", "Namespace", "namespaces")
CUSTOM_RESOURCE_DEFINITION: Final = Kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"
)
SURROUNDINGS: Final = (NAMESPACE, CUSTOM_RESOURCE_DEFINITION)
"""Of the whole cluster, and read by their metadata alone."""
LEASE: Final = Kind("coordination.k8s.io", "v1", "Lease", "leases")

POD: Final = Kind("", "v1", "Pod", "pods")
REPLICA_SET: Final = Kind("apps", "v1", "ReplicaSet", "replicasets")
OBSERVED: Final = (REPLICA_SET, POD)
"""Made by others for our Deployments; read to tell why a rollout does not finish."""

EVENT: Final = Kind("", "v1", "Event", "events")

_KNOWN: Final = (*RESOURCES, *CHILDREN, INGRESS, *OPTIONAL, *KEPT, *OBSERVED, *SURROUNDINGS)
_BY_NAME: Final = {(kind.group, kind.name): kind for kind in _KNOWN}


def by_name(group: str, name: str) -> Kind | None:
    """The kind of that group and name, if the operator knows it."""
    return _BY_NAME.get((group, name))
