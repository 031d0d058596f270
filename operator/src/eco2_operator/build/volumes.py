"""The pod's volumes and where the domain's container sees them."""

import hashlib
from collections.abc import Collection, Iterator
from typing import Final

from eco2_operator.build.fields import given
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.files import FileMount, SecretUse, Volume
from eco2_operator.naming import Manifest, child_name

SECRET_MODE: Final = 0o440
"""Readable by the pod's user and group only; the kubelet gives the files to fsGroup."""
CONFIG_MODE: Final = 0o444
TMP: Final = "/tmp"  # noqa: S108 - a folder in the container
TMP_NAME: Final = "tmp"
TMP_SIZE: Final = "64Mi"

TMP_MOUNT: Final = {"name": TMP_NAME, "mountPath": TMP}


def volumes(spec: EcoDomainSpec) -> list[Manifest]:
    """Scratch folders, a bounded /tmp, and files from Secrets and ConfigMaps; each source once."""
    unique: dict[str, Manifest] = {name: source for name, _, source, _ in _storage(spec)}
    return [{"name": name, **source} for name, source in unique.items()]


def mounts(spec: EcoDomainSpec) -> list[Manifest]:
    """Where the domain's container sees them. Files are read-only, scratch folders are not."""
    return [
        given({"name": name, "mountPath": path, "readOnly": read_only or None})
        for name, path, _, read_only in _storage(spec)
    ]


def _storage(spec: EcoDomainSpec) -> Iterator[tuple[str, str, Manifest, bool]]:
    """Name, folder, source and whether read-only. The schema sees to it that no folder occurs twice."""
    taken = {volume.name for volume in spec.volumes or ()}
    for volume in spec.volumes or ():
        yield volume.name, volume.mount_path, _empty_dir(volume), False
    yield TMP_NAME, TMP, {"emptyDir": {"sizeLimit": TMP_SIZE}}, False
    for use in spec.secrets or ():
        if use.as_ == "files":
            path = use.mount_path or f"/etc/secrets/{use.name}"
            yield _name("secrets", use.name, taken), path, _binding(use), True
    for file in spec.files or ():
        name, source = _file(file, taken)
        yield name, file.mount_path, source, True


def _empty_dir(volume: Volume) -> Manifest:
    return {"emptyDir": given({"medium": volume.medium, "sizeLimit": volume.size_limit})}


def _binding(use: SecretUse) -> Manifest:
    items = [{"key": key, "path": key} for key in sorted(use.keys or ())]
    return {"secret": given({"secretName": use.name, "defaultMode": SECRET_MODE, "items": items})}


def _file(file: FileMount, taken: Collection[str]) -> tuple[str, Manifest]:
    if file.secret is not None:
        source = {"secretName": file.secret, "defaultMode": SECRET_MODE}
        return _name("secret", file.secret, taken), {"secret": source}
    config_map = file.config_map or ""
    return _name("configmap", config_map, taken), {"configMap": {"name": config_map, "defaultMode": CONFIG_MODE}}


def _name(kind: str, source: str, taken: Collection[str]) -> str:
    """A volume name that says where it comes from, as a DNS label that no scratch folder (`taken`) has.

    Where the plain name will not do it carries a hash of the source, told apart from every plain name by the digit
    in front: names in the spec start with a letter.
    """
    plain = f"{kind}-{source}"
    if "." not in source and plain not in taken and child_name(plain) == plain:
        return plain
    digest = hashlib.sha256(plain.encode()).hexdigest()[:12]
    return f"0{digest}-{plain.replace('.', '-')[:49].rstrip('-')}"
