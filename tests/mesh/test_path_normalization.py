"""Escaped slashes in the paths a caller is limited to: a setting of the mesh decides what they are (docs/limits.md)."""

from collections.abc import Callable

import pytest
from mesh.domains import INTERNAL, MY, add_domain
from support.mesh.mesh import Mesh

pytestmark = pytest.mark.cluster


def test_decoded_slashes_lead_nowhere_else(new_mesh: Callable[..., Mesh]) -> None:
    mesh = new_mesh(mesh={"pathNormalization": {"normalization": "DECODE_AND_MERGE_SLASHES"}})
    number = mesh.ports.named("http")["http"]
    port = {"name": "http", "port": number, "servicePort": number}
    scan = add_domain(mesh, "scan", ports=[port], access={"inbound": [{**MY, "paths": [INTERNAL]}]})
    my = mesh.add("my", "my")
    mesh.start()

    assert mesh.call(my, scan, "/api/v1/internal/sync").arrived
    assert mesh.call(my, scan, "/api/v1//internal%2fsync").request["path"] == "/api/v1/internal/sync"
    for path in ("/api/v1/internal/..%2fscan", "/api/v1/internal/%2e%2e%2Fscan", "/api/v1/internal/..%5cscan"):
        assert mesh.call(my, scan, path).refused
