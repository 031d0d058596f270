"""What is kept of a cluster when a test has failed: the only way to see what happened where nobody can look."""

from contextlib import suppress
from pathlib import Path

from eco2_testcluster.errors import ClusterError
from eco2_testcluster.kubectl import Kubectl

RESOURCES = "ecodomains,ecoingresses,ecosecretbindings"
LOGS = {
    "operator": ("platform-system", "app.kubernetes.io/name=eco2-operator"),
    "ext-authz": ("platform-system", "app.kubernetes.io/name=ext-authz"),
    "gateway": ("istio-ingress", "istio=ingressgateway"),
    "istiod": ("istio-system", "app=istiod"),
}
QUESTIONS = {
    "events": ("get", "events", "-A", "--sort-by=.lastTimestamp"),
    "pods": ("get", "pods", "-A", "-o", "wide"),
    "resources": ("get", RESOURCES, "-A", "-o", "wide"),
    "resources.yaml": ("get", RESOURCES, "-A", "-o", "yaml"),
    "workloads": (
        "get",
        "deployments,replicasets,services,endpointslices,networkpolicies,jobs,pdb",
        "-A",
        "-o",
        "wide",
    ),
    "nodes": ("describe", "nodes"),
}


def keep(kubectl: Kubectl, folder: Path) -> None:
    """Write events, states and logs into a folder. What cannot be had any more is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, words in QUESTIONS.items():
        with suppress(ClusterError):
            (folder / f"{name}.txt").write_text(kubectl.run(*words))
    for name, (namespace, selector) in LOGS.items():
        words = ("-n", namespace, "-l", selector, "--all-containers", "--prefix", "--tail=2000")
        with suppress(ClusterError):
            (folder / f"{name}.log").write_text(kubectl.run("logs", *words))
