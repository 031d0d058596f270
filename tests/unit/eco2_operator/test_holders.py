"""Whose an object is."""

from typing import Any

import pytest

from eco2_operator.holders import Owner, is_ours, whose
from eco2_operator.naming import FIELD_MANAGER, Key

KEY = Key("EcoIngress", "platform-system", "api")
OWNER = Owner(KEY, "uid-api", frozenset({"uid-made"}))
OURS = [{"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {}}}]
ANNOTATED = {"eco2.growbin.app/owner": str(KEY)}


def obj(uid: str = "uid-x", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "x", "uid": uid, **metadata}}


def controlled(uid: str, name: str = "api") -> dict[str, Any]:
    reference = {"apiVersion": "eco2.growbin.app/v1alpha1", "kind": "EcoIngress", "name": name, "uid": uid}
    return obj(ownerReferences=[{**reference, "controller": True}])


@pytest.mark.parametrize(
    ("live", "ours", "text"),
    [
        (controlled("uid-api"), True, "belongs to EcoIngress api"),
        (controlled("uid-other", "other"), False, "belongs to EcoIngress other"),
        (obj(annotations=ANNOTATED, managedFields=OURS), True, "was not made by this operator"),
        (obj(annotations=ANNOTATED), False, "was not made by this operator"),
        (
            obj(annotations={"eco2.growbin.app/owner": "EcoIngress/a/b"}, managedFields=OURS),
            False,
            "belongs to EcoIngress a/b",
        ),
        (obj("uid-made", managedFields=OURS), True, "was not made by this operator"),
        (obj("uid-made"), False, "was not made by this operator"),
        (obj(managedFields=OURS), False, "was not made by this operator"),
    ],
)
def test_a_controller_an_annotation_with_our_fields_or_the_inventory(
    live: dict[str, Any], ours: bool, text: str
) -> None:
    assert (is_ours(live, OWNER), whose(live, OWNER)) == (ours, text)
