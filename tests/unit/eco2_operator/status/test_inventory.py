from eco2_operator.errors import Forbidden
from eco2_operator.naming import Ref
from eco2_operator.outcomes import Outcome
from eco2_operator.status.inventory import inventory

SECRET = Ref("", "Secret", "scan", "scan")
EXTERNAL = Ref("external-secrets.io", "ExternalSecret", "scan", "scan")


def item(ref: Ref, uid: str) -> dict[str, str]:
    return {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name, "uid": uid}


def test_it_holds_what_was_applied_sorted() -> None:
    outcomes = [Outcome(EXTERNAL, "unchanged", "e"), Outcome(SECRET, "created", "s")]
    assert inventory(outcomes, {}) == [item(SECRET, "s"), item(EXTERNAL, "e")]


def test_a_failed_apply_keeps_the_earlier_entry_and_adds_none() -> None:
    failed = Outcome(SECRET, "failed", error=Forbidden("no"))
    assert inventory([failed], {"inventory": [item(SECRET, "s")]}) == [item(SECRET, "s")]
    assert inventory([failed], {}) == []


def test_what_was_deleted_or_was_gone_already_leaves_it() -> None:
    previous = {"inventory": [item(SECRET, "s"), item(EXTERNAL, "e")]}
    assert inventory([Outcome(SECRET, "deleted", "s"), Outcome(EXTERNAL, "unchanged")], previous) == []


def test_a_replaced_object_is_entered_with_its_new_uid() -> None:
    assert inventory([Outcome(SECRET, "updated", "new")], {"inventory": [item(SECRET, "old")]}) == [item(SECRET, "new")]
