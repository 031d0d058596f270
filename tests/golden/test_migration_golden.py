"""Golden cases of the Job of a migration: one YAML file per behaviour, with the whole Job.

    description: what the case shows
    input: the EcoDomain
    expect: the Job

``GOLDEN_UPDATE=1`` (``make golden``) rewrites ``expect``, which is the last key of a file. A change of a Job's name or
hash in a diff means that this migration would run again in every cluster.
"""

from pathlib import Path
from typing import Any

import pytest
from support.golden import judged, load

from eco2_operator.build import migration
from eco2_operator.model.base import Model
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.model.rollout import Migrations
from eco2_operator.naming import Manifest

CASES = sorted((Path(__file__).parent / "migration").glob("*.yaml"))


def made(case: dict[str, Any]) -> Manifest:
    domain = parse(case["input"], EcoDomainSpec)
    digest, migrations = migration.migration_hash(domain), domain.spec.migrations
    assert digest is not None
    assert migrations is not None
    return migration.job(domain, migrations, digest)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    found, expected = judged(path, made)
    assert found == expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_case_says_what_it_shows_and_spells_its_keys(path: Path) -> None:
    case = load(path)
    assert len(case["description"]) > 20
    assert set(case) == {"description", "input", "expect"}


def test_every_field_of_a_migration_is_in_a_case() -> None:
    shown = {field for path in CASES for field in load(path)["input"]["spec"]["migrations"]}
    assert shown == {field.alias for field in _fields(Migrations)}


def _fields(model: type[Model]) -> list[Any]:
    return list(model.model_fields.values())
