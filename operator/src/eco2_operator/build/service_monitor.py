"""The ServiceMonitor, by which Prometheus' operator finds the pods' metrics."""

from eco2_operator.build import service
from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.labels import metadata, selector
from eco2_operator.build.scraping import scraping
from eco2_operator.kinds import SERVICE_MONITOR
from eco2_operator.naming import Manifest


def build(domain: Domain, ctx: DomainContext) -> Manifest | None:
    """The ServiceMonitor; None where scraping is off, the kind is not served, or there is no Service.

    A worker has none: it would take a PodMonitor, which is not part of this version.

    A port that speaks https is scraped with whatever TLS settings Prometheus itself has (its scrape class): a
    certificate or a token would have to be named here, and nothing here refers to a Secret.
    """
    target = scraping(domain.spec)
    made = service.build(domain, ctx) if SERVICE_MONITOR.name in ctx.served else None
    if target is None or made is None:
        return None
    # The Service's port is named after its protocol, the container's by the user; targetPort leads from one to another.
    (port,) = [port["name"] for port in made["spec"]["ports"] if port["targetPort"] == target.port.name]
    return {
        "apiVersion": SERVICE_MONITOR.api_version,
        "kind": SERVICE_MONITOR.name,
        "metadata": metadata(domain),
        "spec": {
            "jobLabel": "app.kubernetes.io/name",
            # Copied from the Service to every sample, so that queries can group by them.
            "targetLabels": ["domain", "role", "tier"],
            "selector": {"matchLabels": selector(domain)},
            "namespaceSelector": {"matchNames": [domain.namespace]},
            "endpoints": [
                {
                    "port": port,
                    "path": target.path,
                    "scheme": "https" if target.port.app_protocol == "https" else "http",
                    # The labels above win over those of the same name in what the pod says of itself.
                    "honorLabels": False,
                }
            ],
        },
    }
