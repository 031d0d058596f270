"""The pods' ServiceAccount."""

from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.labels import metadata
from eco2_operator.naming import Manifest


def build(domain: Domain, ctx: DomainContext) -> Manifest:
    """The ServiceAccount; its token is not mounted, since no domain talks to the API server."""
    account = domain.spec.service_account
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(domain, annotations=account.annotations if account else None),
        "automountServiceAccountToken": False,
    }
