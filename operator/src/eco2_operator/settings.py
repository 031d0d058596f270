"""The operator's settings: the only place that reads the environment.

Every setting is an ``ECO2_*`` variable (lists and maps as JSON) and, under the same name in camelCase, a chart value.
"""

from functools import lru_cache
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
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
    prometheus_namespace: str = Field("prometheus", description="Namespace Prometheus scrapes from.")
    entrance_namespaces: tuple[str, ...] = Field(
        ("istio-ingress", "platform-system"),
        description="Namespaces whose EcoIngresses may route to every domain that does not say otherwise.",
    )
    alb_source_cidrs: tuple[CidrSetting, ...] = Field((), description="Addresses an ALB sends from (its subnets).")
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
