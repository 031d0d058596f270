"""`eco2 crds`."""

import json

from eco2_operator.cli import yamls
from eco2_operator.crds import all_crds


def test_the_definitions_are_printed_as_yaml_or_json(run):
    definitions = list(all_crds())
    text = run("crds")
    assert text.exit_code == 0
    assert list(yamls.load_all(text.stdout)) == definitions
    assert json.loads(run("crds", "-o", "json").stdout)["items"] == definitions
