"""A user as other domains name them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from eco2_service.identity import USER_ID_PATTERN, UserId

user_ids: TypeAdapter[str] = TypeAdapter(UserId)


@pytest.mark.parametrize("user_id", ["a", "user-1", "x" * 128, "!.0:~", "google|117%2F"])
def test_what_is_a_user_id(user_id: str) -> None:
    assert user_ids.validate_python(user_id) == user_id
    assert USER_ID_PATTERN.fullmatch(user_id)


@pytest.mark.parametrize("user_id", ["", "a/b", "a b", "é", "x" * 129, "a\x00"])
def test_what_is_no_user_id(user_id: str) -> None:
    with pytest.raises(ValidationError):
        user_ids.validate_python(user_id)
