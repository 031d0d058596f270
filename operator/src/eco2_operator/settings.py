"""The operator's settings: the only place that reads the environment.

Every setting is an ``ECO2_*`` variable (lists and maps as JSON) and, under the same name in camelCase, a chart value.
"""

from functools import lru_cache
from ipaddress import ip_network
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from eco2_operator.build.context import Cluster, PodSelector
from eco2_operator.errors import SettingsError


def _cidr(value: str) -> str:
    return str(ip_network(value, strict=False))


def _address(value: str) -> str:
    _, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError("must be host:port, such as 0.0.0.0:8080")
    return value


CidrSetting = Annotated[str, AfterValidator(_cidr)]
AddressSetting = Annotated[str, AfterValidator(_address)]


class Settings(BaseSettings):
    """Every setting of the operator."""

    model_config = SettingsConfigDict(env_prefix="ECO2_", frozen=True, extra="ignore")

    namespaces: tuple[str, ...] = Field((), description="Namespaces to watch; empty for the whole cluster.")
    cluster_cidrs: tuple[CidrSetting, ...] = Field(
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
        description="Address ranges inside the cluster, which `external: https` leaves out.",
    )
    store_ports: dict[str, tuple[int, ...]] = Field(
        {"postgres": (5432,), "redis": (6379, 26379), "rabbitmq": (5672,)},
        description="TCP ports of each data store.",
    )
    dns_namespace: str = Field("kube-system", description="Namespace of the cluster's DNS.")
    dns_labels: dict[str, str] = Field({"k8s-app": "kube-dns"}, description="Labels of the DNS pods.")
    gateway_namespace: str = Field("istio-ingress", description="Namespace of the Istio gateway.")
    gateway_labels: dict[str, str] = Field({"istio": "ingressgateway"}, description="Labels of the gateway's pods.")
    gateway_principal: str = Field(
        "cluster.local/ns/istio-ingress/sa/istio-ingressgateway",
        description="Identity of the gateway's pods in the mesh, without spiffe://.",
    )
    istiod_namespace: str = Field("istio-system", description="Namespace of Istio's control plane.")
    trust_domain: str = Field("cluster.local", description="Trust domain of the mesh.")
    prometheus_namespace: str = Field("prometheus", description="Namespace Prometheus scrapes from.")
    entrance_namespaces: tuple[str, ...] = Field(
        ("istio-ingress", "platform-system"),
        description="Namespaces whose EcoIngresses may route to every domain that does not say otherwise.",
    )
    gateway_service: str = Field(
        "istio-ingressgateway", description="Service of the Istio gateway, which an ALB in front of it sends to."
    )
    gateway_trusted_hops: int = Field(
        0,
        ge=0,
        le=16,
        description="Proxies in front of the Istio gateway (an ALB is one): which client address is true.",
    )
    host_claims: dict[str, tuple[str, ...]] = Field(
        {"": ("istio-ingress", "platform-system")},
        description="By host suffix: the namespaces whose EcoIngresses may have such hosts. The longest suffix "
        "decides; the empty one stands for every host.",
    )
    alb_source_cidrs: tuple[CidrSetting, ...] = Field((), description="Addresses an ALB sends from (its subnets).")
    lease_name: str = Field("eco2-operator", description="Name of the Lease by which one of several operators acts.")
    lease_namespace: str = Field(
        "", description="Namespace of the Lease; empty: the pod's own, and outside of a cluster no Lease."
    )
    lease_duration_seconds: float = Field(15, gt=0, description="How long a Lease that is not renewed is respected.")
    lease_deadline_seconds: float = Field(
        10, gt=0, description="How long its holder acts without a renewal; to be well below the duration."
    )
    lease_retry_seconds: float = Field(2, gt=0, description="Between two renewals, and two attempts to get it.")
    environment: str = Field(
        "dev", description="Part of the default parameter prefix /eco2/<environment>/<namespace>/."
    )
    ssm_prefixes: dict[str, tuple[str, ...]] = Field(
        {}, description="By namespace: the prefixes of the SSM parameters it may read, instead of the default."
    )
    aws_region: str | None = Field(None, description="Region of SSM for bindings that name none; default: AWS's own.")
    hash_key: SecretStr = Field(
        SecretStr(""),
        description="Key of the hashes by which a changed Secret is noticed. To be kept: with another one all pods "
        "that read Secrets are replaced.",
    )
    hash_key_secret: str = Field(
        "",
        description="Secret in the namespace of the Lease that holds this key as `key`; it is made with a random one "
        "when it is not there. Instead of the hash key itself.",
    )
    rotation_window_seconds: float = Field(
        10, ge=0, description="Changes of Secrets within so many seconds become one rollout."
    )
    resync_seconds: float = Field(600, gt=0, description="Seconds between two full comparisons of cache and cluster.")
    concurrency: int = Field(16, ge=1, le=256, description="Resources reconciled at the same time.")
    backoff_seconds: float = Field(0.5, gt=0, description="First delay after a failed reconcile, in seconds.")
    backoff_max_seconds: float = Field(
        60, gt=0, description="Longest such delay: a fault of an hour costs 60 attempts, not thousands."
    )
    request_timeout_seconds: float = Field(
        30,
        gt=0,
        description="Longest time for one API request, so that a silent server cannot hold a worker.",
    )
    http_address: AddressSetting = Field(
        "127.0.0.1:0", description="Where /healthz, /readyz and /metrics are served; port 0 takes a free one."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["json", "console"] = Field("json", description="json, or console for people.")

    @model_validator(mode="after")
    def _lease_is_consistent(self) -> Self:
        if not self.lease_retry_seconds < self.lease_deadline_seconds < self.lease_duration_seconds:
            raise ValueError("lease: retry must be below deadline, and deadline below duration")
        return self

    @property
    def cluster(self) -> Cluster:
        """The part the builders may see."""
        return Cluster(
            cluster_cidrs=self.cluster_cidrs,
            store_ports=self.store_ports,
            dns=PodSelector(self.dns_namespace, self.dns_labels),
            gateway=PodSelector(self.gateway_namespace, self.gateway_labels),
            prometheus_namespace=self.prometheus_namespace,
            entrance_namespaces=self.entrance_namespaces,
            alb_source_cidrs=self.alb_source_cidrs,
            istiod_namespace=self.istiod_namespace,
            gateway_principal=self.gateway_principal,
            trust_domain=self.trust_domain,
            gateway_service=self.gateway_service,
            gateway_trusted_hops=self.gateway_trusted_hops,
        )


@lru_cache(maxsize=1)
def load() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: naming every variable without a usable value.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = (f"ECO2_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError("; ".join(faults)) from None
    except Exception as error:  # pydantic-settings raises its own SettingsError on JSON it cannot read
        raise SettingsError(f"ECO2_*: {error}") from None


def describe() -> list[tuple[str, Any, str]]:
    """Name, default and meaning of every setting, for the reference page."""
    return [
        (f"ECO2_{name.upper()}", field.get_default(call_default_factory=True), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
