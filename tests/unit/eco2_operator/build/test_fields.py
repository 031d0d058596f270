from eco2_operator.build.fields import given, in_order


def test_what_says_nothing_is_left_out() -> None:
    assert given({"a": None, "b": "", "c": [], "d": {}, "e": "x"}) == {"e": "x"}


def test_zero_and_false_say_something() -> None:
    assert given({"replicas": 0, "privileged": False}) == {"replicas": 0, "privileged": False}


def test_the_order_of_the_fields_is_kept() -> None:
    assert list(given({"z": 1, "a": 2})) == ["z", "a"]


def test_a_map_is_sorted_and_copied() -> None:
    source = {"b": 1, "a": 2}
    assert list(in_order(source)) == ["a", "b"]
    assert in_order(source) is not source
    assert in_order(None) == {}
