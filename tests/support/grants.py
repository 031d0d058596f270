"""Least privilege, by the audit logs of a whole run: every verb the operator is granted was used, or is excused.

When a run of all of tests/integration has passed, the audit logs of all its clusters are read, those of other
pytest-xdist workers included; a verb that nobody used fails the run. `python -m support.grants FOLDER` does the same
with the logs below a folder.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from eco2_operator.controller import WATCHED
from eco2_operator.kinds import DEPLOYMENT, SERVICE, SERVICE_ACCOUNT
from eco2_operator.rbac import NEEDED
from support.cluster import OPERATORS

Grant = tuple[str, str, str]
"""API group, resource (with its subresource), verb."""

SUITE = Path(__file__).parents[1] / "integration"
EXCUSED: Mapping[Grant, str] = {
    **{
        (kind.group, kind.plural, "get"): "one object is read when a sweep finds it other than the watch said, "
        "or when a write is refused: neither happens in every run"
        for kind in WATCHED
    },
    **{
        (kind.group, kind.plural, "delete"): "every EcoDomain has one; only what an earlier version of the operator "
        "made under another name, and the inventory lists, is ever pruned"
        for kind in (SERVICE_ACCOUNT, SERVICE, DEPLOYMENT)  # workload is immutable: a service stays one
    },
}
"""Grants that a run need not use, and why they are given all the same."""


def granted() -> set[Grant]:
    """Every verb of the operator's role."""
    return {(need.kind.group, need.resource, verb) for need in NEEDED for verb in need.verbs}


def used(lines: Iterable[bytes]) -> Iterator[Grant]:
    """The grants that the operators' requests in an audit log needed. A refused one needed none.

    Server-side apply is a patch, and for an object that is not there the API server asks for create as well.
    """
    for line in lines:
        if OPERATORS.encode() not in line or not line.endswith(b"\n"):
            continue
        event = json.loads(line)
        target, code = event.get("objectRef") or {}, (event.get("responseStatus") or {}).get("code", 0)
        if OPERATORS not in event["user"].get("groups", ()) or code in (401, 403) or "resource" not in target:
            continue
        resource = "/".join(filter(None, (target["resource"], target.get("subresource", ""))))
        yield target.get("apiGroup", ""), resource, event["verb"]
        if (event["verb"], code) == ("patch", 201):
            yield target.get("apiGroup", ""), resource, "create"


def used_below(folder: Path) -> set[Grant]:
    """The grants used by the audit logs below a folder."""
    found: set[Grant] = set()
    for path in folder.rglob("audit.log"):
        with path.open("rb") as lines:
            found.update(used(lines))
    return found


def faults(found: set[Grant]) -> list[str]:
    """What is granted and was not used, in words; and what is excused and not even granted."""
    unused = sorted(granted() - found - EXCUSED.keys())
    needless = sorted(EXCUSED.keys() - granted())
    return [
        *(f"granted and never used: {verb} {resource} ({group or 'core'})" for group, resource, verb in unused),
        *(f"excused and not granted: {verb} {resource} ({group or 'core'})" for group, resource, verb in needless),
    ]


def is_whole_run(config: pytest.Config) -> bool:
    """Whether every integration test that is not slow is run."""
    paths = [Path(config.invocation_params.dir, argument.partition("::")[0]).resolve() for argument in config.args]
    options = config.option
    narrowed = options.keyword or options.deselect or getattr(options, "lf", False) or options.collectonly
    marks = options.markexpr in ("", "cluster", "cluster and not slow", "not slow")
    return marks and not narrowed and any(path in (SUITE, *SUITE.parents) for path in paths)


def check(session: pytest.Session) -> None:
    """For the end of a session: fail a whole run that passed so far and left a grant unused."""
    config = session.config
    factory = getattr(config, "_tmp_path_factory", None)
    if hasattr(config, "workerinput") or factory is None or session.exitstatus != 0 or not is_whole_run(config):
        return
    found = faults(used_below(factory.getbasetemp()))
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        config.stash[FOUND] = found


FOUND = pytest.StashKey[list[str]]()


def tell(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what `check` has found."""
    found = terminalreporter.config.stash.get(FOUND, [])
    if found:
        terminalreporter.section("the operator's role: tests/support/grants.py")
        for line in found:
            terminalreporter.line(line, red=True)


if __name__ == "__main__":
    sys.exit("\n".join(faults(used_below(Path(sys.argv[1])))))
