"""What `eco2 new` makes is what the API server takes, to the last field."""

from collections.abc import Callable

import pytest
import yaml
from support.api import NAMESPACE, Api

from eco2_operator.kinds import ECO_DOMAIN
from eco2_operator.scaffold import MAX_LENGTH, Names, render

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(("name", "node_port"), [("a", None), ("eco-quiz", 31700), ("x" * MAX_LENGTH, 31701)])
def test_it_is_admitted(api: Api, new_namespace: Callable[[str], str], name: str, node_port: int | None) -> None:
    made = render(Names.parse(name), node_port=node_port)
    namespace, domain = yaml.safe_load(made.namespace), yaml.safe_load(made.domain)
    admitted = api.apply(NAMESPACE, namespace, manager="kubectl", dry_run=True)
    assert admitted["metadata"]["labels"].items() >= namespace["metadata"]["labels"].items()
    domain["metadata"]["namespace"] = new_namespace("new")
    admitted = api.apply(ECO_DOMAIN, domain, manager="kubectl", dry_run=True)
    assert admitted["spec"].get("nodePort") == node_port
