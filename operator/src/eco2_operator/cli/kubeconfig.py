"""Finding the cluster and logging in, by all a kubeconfig knows: certificates, tokens, OIDC, exec plugins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from eco2_operator.cli.errors import CliError
from eco2_operator.cli.options import Target

USER_AGENT = "eco2-cli"
"""How the API server's audit log names us."""


def open_cluster(target: Target) -> tuple[ApiClient, str]:
    """A client for the cluster of a kubeconfig, or, inside a pod without one, of the pod itself; and the namespace.

    Raises:
        CliError: when there is no usable kubeconfig.
    """
    configuration = Configuration()
    files = [Path(name).expanduser() for name in target.kubeconfig.split(":") if name]
    joined = ":".join(map(str, files))
    try:
        if any(file.exists() for file in files):
            config.load_kube_config(  # type: ignore[no-untyped-call]
                joined, context=target.context, client_configuration=configuration
            )
            namespace = target.namespace or _context_namespace(joined, target.context)
        else:
            namespace = target.namespace or _enter_pod(configuration, joined)
    except config.ConfigException as error:
        raise CliError(f"kubeconfig {joined}: {error}; name another with --kubeconfig or --context") from None
    configuration.retries = False
    api = ApiClient(configuration)
    api.user_agent = USER_AGENT
    return api, namespace


def _context_namespace(kubeconfig: str, context: str | None) -> str:
    contexts, active = config.list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]
    chosen: Mapping[str, Any] = next((c for c in contexts if c["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")


def _enter_pod(configuration: Configuration, kubeconfig: str) -> str:
    """Take the credentials of the pod this runs in; its namespace."""
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        raise CliError(f"kubeconfig {kubeconfig}: no such file; name one with --kubeconfig or KUBECONFIG") from None
    own = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return own.read_text().strip() if own.exists() else "default"
