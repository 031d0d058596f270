"""The ControllerRevisions of a domain, and what going back to one would mean. Pure."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eco2_operator.build.migration import migration_hash
from eco2_operator.cli.diffs.change import yaml_lines
from eco2_operator.errors import InvalidSpec
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Manifest, controller_of


def newest_first(revisions: Iterable[Manifest], *, uid: str) -> list[Manifest]:
    """The revisions of the EcoDomain with this uid; those of an earlier one of the same name are left out."""
    mine = (revision for revision in revisions if (controller_of(revision) or {}).get("uid") == uid)
    return sorted(mine, key=lambda revision: int(revision["revision"]), reverse=True)


def manifest(revision: Mapping[str, Any]) -> Manifest:
    """The EcoDomain as it was, ready for a file: no status, nothing the API server adds."""
    data = revision["data"]
    return {field: data[field] for field in ("apiVersion", "kind", "metadata", "spec")}


def is_present(revision: Mapping[str, Any], domain: Mapping[str, Any]) -> bool:
    """Whether the domain has this spec now."""
    return bool(revision["data"]["spec"] == domain["spec"])


def changes(domain: Manifest, revision: Mapping[str, Any]) -> Iterator[str]:
    """A unified diff from the present spec to the earlier one."""
    present, earlier = {"spec": domain["spec"]}, {"spec": revision["data"]["spec"]}
    names = ("present", f"revision {revision['revision']}")
    return difflib.unified_diff(yaml_lines(present), yaml_lines(earlier), *names, lineterm="", n=1)


def runs_migration(domain: Manifest, revision: Mapping[str, Any]) -> bool | None:
    """Whether a migration would run after going back; None when the spec has none, or nobody can tell any more."""
    try:
        earlier = parse({**domain, "spec": revision["data"]["spec"]}, EcoDomainSpec)
    except InvalidSpec:  # the schema of this version knows it no more
        return None
    digest = migration_hash(earlier)
    if digest is None:
        return None
    done = ((domain.get("status") or {}).get("migration") or {}).get("succeeded") or ()
    return all(entry["hash"] != digest for entry in done)
