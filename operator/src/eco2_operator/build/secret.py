"""The Secret of a binding whose values the operator reads itself."""

from base64 import b64encode

from eco2_operator.build.labels import binding_metadata
from eco2_operator.build.secret_context import Binding, SecretContext
from eco2_operator.naming import Manifest


def build(binding: Binding, ctx: SecretContext) -> Manifest | None:
    """The Secret; None when External Secrets writes it, or while there is no value at all: pods then wait for it."""
    if ctx.backend != "ssm" or not ctx.data:
        return None
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": binding_metadata(binding),
        "type": "Opaque",
        "immutable": False,
        "data": {name: b64encode(value).decode() for name, value in sorted(ctx.data.items())},
    }
