from eco2_operator.build.entrance.transition import union


def policy(*rules: str, **rest: str) -> dict[str, object]:
    return {"metadata": {"name": "p"}, "spec": {**rest, "rules": [{"to": [rule]} for rule in rules]}}


def test_both_sets_of_rules_without_repetition_and_the_live_ones_first() -> None:
    assert union(policy("a", "b"), policy("b", "c")) == policy("a", "b", "c")


def test_everything_else_is_as_wanted() -> None:
    live = {**policy("a", action="OLD"), "status": {}, "metadata": {"name": "p", "uid": "u"}}
    assert union(live, policy("b", action="NEW")) == policy("a", "b", action="NEW")


def test_a_policy_somebody_emptied_adds_nothing() -> None:
    assert union({"metadata": {}, "spec": {}}, policy("a")) == policy("a")
    assert union({"metadata": {}}, policy("a")) == policy("a")
