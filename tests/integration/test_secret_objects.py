"""What an EcoSecretBinding makes is accepted by the API server with External Secrets' definition, and kept as it is:
a field the server changes would be applied again for ever."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from golden.test_secret_golden import CASES, CRD, load
from support.api import NAMESPACE

from eco2_operator.diff import difference, surplus
from eco2_operator.kinds import by_name
from eco2_operator.naming import FIELD_MANAGER, Ref

pytestmark = pytest.mark.cluster

MADE = [path for path in CASES if load(path)["expect"]]


@pytest.fixture(scope="module")
def quiet(new_private: Callable[..., Any]) -> Any:
    """A cluster with the definition alone: nobody looks after the objects."""
    return new_private(
        definitions=[yaml.safe_load(CRD.read_text())], controllers=("*", "-garbage-collector-controller")
    )


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.stem)
def test_it_is_accepted_and_kept_as_it_is(quiet: Any, path: Path) -> None:
    namespace = path.stem.replace("_", "-")
    quiet.api.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for manifest in load(path)["expect"]:
        obj = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
        ref = Ref.of(obj)
        kind = by_name(ref.group, ref.kind)
        assert kind is not None
        live = quiet.api.apply(kind, obj, manager=FIELD_MANAGER)
        stored = quiet.api.read(kind, namespace, ref.name)
        assert [str(found) for found in difference(obj, stored)] == []
        assert [str(found) for found in surplus(obj, stored)] == []
        again = quiet.api.apply(kind, obj, manager=FIELD_MANAGER)
        assert again["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
