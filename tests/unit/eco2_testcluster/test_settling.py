from __future__ import annotations

import pytest

from eco2_testcluster.settling import is_settled, unsettled


def domain(generation: int = 2, **conditions: str) -> dict[str, object]:
    parts = {name: value.split() for name, value in conditions.items()}
    return {
        "metadata": {"name": "scan", "namespace": "apps", "generation": generation},
        "status": {
            "observedGeneration": 2,
            "conditions": [
                {"type": name, "status": value[0], "reason": value[1] if value[1:] else ""}
                for name, value in parts.items()
            ],
        },
    }


@pytest.mark.parametrize(
    "obj",
    [
        domain(Ready="True AllReady"),
        domain(Ready="False ImagePullBackOff", Stalled="True ImagePullBackOff", Reconciling="False"),
        domain(Ready="False ImagePullBackOff", Reconciling="False"),
        domain(Ready="False NameConflict"),
    ],
)
def test_settled(obj) -> None:
    assert is_settled(obj)


@pytest.mark.parametrize(
    "obj",
    [
        {"metadata": {"generation": 1}},
        domain(),
        domain(generation=3, Ready="True AllReady"),
        domain(Ready="False Progressing"),
        domain(Ready="Unknown"),
        domain(Ready="False ApiUnavailable", Reconciling="True ApiUnavailable", Stalled="False"),
    ],
)
def test_not_settled(obj) -> None:
    assert not is_settled(obj)


def test_the_unsettled_are_named_with_their_reason() -> None:
    objects = [domain(Ready="True AllReady"), domain(Ready="False Progressing"), domain()]
    assert unsettled(objects) == ["apps/scan (Progressing)", "apps/scan (no status yet)"]
