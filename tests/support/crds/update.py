"""Rewrites the definitions of this folder from their Go modules. Needs go; run it from anywhere.

A file with several definitions is cut between documents, so what is kept is byte for byte what the module has.
"""

import json
import subprocess
import tempfile
from pathlib import Path

SOURCES = {
    ("istio.io/istio@v0.0.0-20260423205519-b01690e6db7d", "manifests/charts/base/files/crd-all.gen.yaml"): (
        "authorizationpolicies.security.istio.io",
        "envoyfilters.networking.istio.io",
        "gateways.networking.istio.io",
        "peerauthentications.security.istio.io",
        "requestauthentications.security.istio.io",
        "serviceentries.networking.istio.io",
        "sidecars.networking.istio.io",
        "virtualservices.networking.istio.io",
    ),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ): ("servicemonitors.monitoring.coreos.com",),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ): ("prometheusrules.monitoring.coreos.com",),
}
"""(module@version, path in it): names of the definitions that are kept."""


def module(name: str) -> Path:
    """Folder of a module's files; downloaded and checked by go when it is not there."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["go", "mod", "download", "-json", name], cwd=folder, check=True, stdout=subprocess.PIPE)
    return Path(json.loads(done.stdout)["Dir"])


def definition(text: str, name: str) -> str:
    """The document with that metadata.name."""
    documents = text.removeprefix("---\n").split("\n---\n")
    (found,) = [document for document in documents if f"\n  name: {name}\n" in document]
    return f"{found.rstrip()}\n"


def main() -> None:
    """Write one file for each definition."""
    for (name, path), kept in SOURCES.items():
        text = (module(name) / path).read_text()
        for each in kept:
            (Path(__file__).parent / f"{each}.yaml").write_text(definition(text, each))


if __name__ == "__main__":
    main()
