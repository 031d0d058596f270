"""Hashes of what pods read of each Secret, as the one annotation that carries them: ``name=hash,name=hash``."""

from collections.abc import Mapping


def dump(hashes: Mapping[str, str]) -> str:
    """The annotation; names of Secrets hold neither ``=`` nor ``,``."""
    return ",".join(f"{name}={value}" for name, value in sorted(hashes.items()))


def load(annotation: str) -> dict[str, str]:
    """The hashes of an annotation; what somebody else wrote there in another form is dropped."""
    pairs = (item.partition("=") for item in annotation.split(","))
    return {name: value for name, _, value in pairs if name and value}
