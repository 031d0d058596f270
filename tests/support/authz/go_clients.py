"""Clients on Go's HTTP/2: conformance tests, a load generator and a command line."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_health.v1 import health_pb2

from eco2_testcluster.binaries import resolve_binaries

_SECONDS: Final = 120
CHECK: Final = "envoy.service.auth.v3.Authorization/Check"
HEALTH: Final = "grpc.health.v1.Health/Check"


class Failed(Exception):
    """A client said that something went wrong."""


def _run(program: str, *arguments: str | Path) -> str:
    path = resolve_binaries([program])[program]
    result = subprocess.run(
        [path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if result.returncode:
        raise Failed(f"{program} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}")
    return result.stdout


def h2spec(host: str, port: int, *suites: str, report: Path, strict: bool = False) -> dict[str, str]:
    """Run conformance tests; their results ("passed", "skipped" or what was wrong) by name."""
    options = ["--host", host, "--port", str(port), "--path", f"/{CHECK}", "--junit-report", str(report)]
    if strict:
        options.append("--strict")
    path = resolve_binaries(["h2spec"])["h2spec"]
    subprocess.run(
        [path, *suites, *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
    )
    found: dict[str, str] = {}
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314 - h2spec wrote it
        for number, case in enumerate(suite.iter("testcase"), 1):
            found[f"{suite.get('package')}/{number}: {case.get('classname')}"] = _result(case)
    return found


def _result(case: ElementTree.Element) -> str:
    if case.find("skipped") is not None:
        return "skipped"
    wrong = [case.find(kind) for kind in ("failure", "error")]
    return next(("".join(element.itertext()) for element in wrong if element is not None), "passed")


def protoset(path: Path) -> Path:
    """Write the definitions of both services, with all they need, to a file that Go's clients read."""
    files: dict[str, FileDescriptorProto] = {}

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            if dependency.name not in files:
                add(dependency)
        files[file.name] = FileDescriptorProto.FromString(file.serialized_pb)

    add(external_auth_pb2.DESCRIPTOR)
    add(health_pb2.DESCRIPTOR)
    path.write_bytes(FileDescriptorSet(file=files.values()).SerializeToString())
    return path


def grpcurl(address: str, method: str, request: dict[str, Any], *options: str | Path) -> dict[str, Any]:
    """One call; the answer as JSON. Raises Failed."""
    answer: dict[str, Any] = json.loads(_run("grpcurl", *options, "-d", json.dumps(request), address, method))
    return answer


def services(address: str, *options: str | Path) -> list[str]:
    """The services that a server says it has. Raises Failed when it does not say."""
    return _run("grpcurl", *options, address, "list").split()


def ghz(address: str, request: dict[str, Any], *options: str | Path, calls: int, connections: int) -> dict[str, Any]:
    """Many calls of Check, 20 at a time; ghz's report."""
    number: Sequence[str] = ("-n", str(calls), "-c", "20", "--connections", str(connections))
    method = CHECK.replace("/", ".")
    report: dict[str, Any] = json.loads(
        _run("ghz", *options, *number, "--call", method, "-d", json.dumps(request), "-O", "json", address)
    )
    return report
