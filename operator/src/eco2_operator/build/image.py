"""What an image reference promises."""

from typing import Final

from eco2_operator.model.pod import PullPolicy

MOVING_TAGS: Final = frozenset(
    {
        "latest",
        "main",
        "master",
        "develop",
        "dev",
        "staging",
        "prod",
        "production",
        "stable",
        "edge",
        "nightly",
    }
)


def is_mutable(image: str) -> bool:
    """Whether the same reference may name another image tomorrow.

    A digest never does. A tag does by convention only, so the usual names of moving tags count as mutable and
    anything that looks like a version or a commit as fixed. No tag means ``latest``.
    """
    reference, _, digest = image.partition("@")
    if digest:
        return False
    # A colon before the last slash belongs to the registry's port.
    tag = reference.rpartition("/")[2].partition(":")[2]
    return tag in MOVING_TAGS or not tag or tag.endswith("-latest")


def pull_policy(image: str, wanted: PullPolicy | None) -> PullPolicy:
    """The wanted policy; else Always for a moving tag, since a node would keep an old image for ever."""
    return wanted or ("Always" if is_mutable(image) else "IfNotPresent")
