"""The ExternalSecret of a binding whose values External Secrets fetches.

A template without data passes every key on and only adds the labels, by which the operator's watch sees the Secret.
https://external-secrets.io/v1.3.2/api/externalsecret/, https://external-secrets.io/v1.3.2/guides/templating/
"""

from typing import Any

from eco2_operator.build.fields import given
from eco2_operator.build.labels import binding_labels, binding_metadata
from eco2_operator.build.secret_context import Binding, SecretContext
from eco2_operator.json_property import join, steps
from eco2_operator.kinds import EXTERNAL_SECRET
from eco2_operator.model.base import milliseconds
from eco2_operator.model.secret import SecretKey
from eco2_operator.naming import Manifest, child_name
from eco2_operator.parameter_access import may_read


def build(binding: Binding, ctx: SecretContext) -> Manifest | None:
    """The ExternalSecret; None for another backend, without a store, or when there is nothing it may read.

    A key whose parameter is refused keeps what the live ExternalSecret reads for it, if that is allowed: without its
    entry External Secrets would take the key out of the Secret.
    """
    store = binding.spec.secret_store_ref
    data = _data(binding, ctx)
    if ctx.backend != "external-secrets" or store is None or not data:
        return None
    return {
        "apiVersion": EXTERNAL_SECRET.api_version,
        "kind": EXTERNAL_SECRET.name,
        "metadata": binding_metadata(binding),
        "spec": {
            "secretStoreRef": {"kind": store.kind, "name": store.name},
            "refreshInterval": go_duration(binding.spec.refresh_interval),
            "target": {
                "name": child_name(binding.name),
                "creationPolicy": "Owner",
                "deletionPolicy": "Retain",
                "template": {"type": "Opaque", "metadata": {"labels": binding_labels(binding)}},
            },
            "data": data,
        },
    }


def _data(binding: Binding, ctx: SecretContext) -> list[Manifest]:
    present = ((ctx.external or {}).get("spec") or {}).get("data") or ()
    kept = {item["secretKey"]: item for item in present if may_read(item["remoteRef"]["key"], ctx.prefixes)}
    entries = (
        _entry(key) if may_read(key.parameter, ctx.prefixes) else kept.get(key.name) for key in binding.spec.keys
    )
    return [entry for entry in entries if entry is not None]


def _entry(key: SecretKey) -> Manifest:
    """One key. The list is atomic: without External Secrets' defaults in it, it would differ from the live one."""
    reference: dict[str, Any] = {
        "key": key.parameter,
        "property": join(steps(key.property)) if key.property is not None else None,
        "conversionStrategy": "Default",
        "decodingStrategy": "None",
        "metadataPolicy": "None",
    }
    return {"secretKey": key.name, "remoteRef": given(reference)}


def go_duration(duration: str) -> str:
    """A duration of a second or more as Go writes it: ``90m`` is ``1h30m0s``.

    External Secrets writes its own objects back like that, and another spelling would look like a change.
    """
    seconds, rest = divmod(milliseconds(duration), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    text = f"{seconds}{fraction}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
