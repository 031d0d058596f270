from eco2_authz.protocol.check_response import PROVIDER, TWINS, USER
from eco2_operator.build.entrance.header_twins import MOST_DASHES, twins


def test_every_other_way_to_write_a_name() -> None:
    assert twins("plain") == []
    assert twins("x-user-id") == ["x-user_id", "x_user-id", "x_user_id"]
    assert len(twins("-".join("a" * (MOST_DASHES + 1)))) == 2**MOST_DASHES - 1


def test_the_same_as_ext_authz_removes() -> None:
    assert {*twins(USER), *twins(PROVIDER)} == set(TWINS)


def test_a_name_with_many_dashes_does_not_fill_the_configuration() -> None:
    assert twins("a" + "-" * 60 + "b") == ["a" + "_" * 60 + "b"]
