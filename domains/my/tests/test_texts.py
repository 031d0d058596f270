"""What users may call themselves, and what auth may tell."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from eco2_my.schemas import ProfileChanges, PushedAccount, PushedUser


@pytest.mark.parametrize(
    "name",
    ["초록이", "Eco 2", "x", "가" * 30, "👩‍🌾", "émile", "a.b-c_d", "…"],
)
def test_a_nickname_is_visible_and_on_one_line(name: str) -> None:
    assert ProfileChanges(nickname=name).nickname == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        " x",
        "x ",
        "x\n",
        "\u3164",  # the filler of Hangul: a letter that shows nothing
        "가" * 31,
        "a\x00b",
        "a\tb",
        "a\x85b",
        "a\u202eb",  # turns the text around
        "a\u200bb",
        "\u2028",
        "\ud800",
        7,
        ["x"],
    ],
)
def test_what_is_no_nickname(name: object) -> None:
    with pytest.raises(ValidationError):
        ProfileChanges.model_validate({"nickname": name})


def test_a_nickname_in_single_letters_is_composed() -> None:
    assert ProfileChanges(nickname="\u1112\u1161\u11ab").nickname == "한"
    assert ProfileChanges(nickname="\u1112\u1161\u11ab" * 30).nickname == "한" * 30
    with pytest.raises(ValidationError):
        ProfileChanges(nickname="\u0344" * 16)  # it is two characters, composed


def test_a_change_names_something_and_nothing_unknown() -> None:
    for body in ({}, {"email": "x@example.com"}, {"nickname": "x", "version": 7}):
        with pytest.raises(ValidationError):
            ProfileChanges.model_validate(body)
    assert ProfileChanges.model_validate({"nickname": None}).model_dump(exclude_unset=True) == {"nickname": None}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-01-02T12:00:00+09:00", datetime(2026, 1, 2, 3, tzinfo=UTC)),
        ("0001-01-01T00:00:00+09:00", datetime(1, 1, 1, tzinfo=UTC)),  # in UTC there is no such year
        ("9999-12-31T23:59:59-09:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_moments_are_kept_in_utc(sent: str, kept: datetime) -> None:
    account = PushedAccount.model_validate({"provider": "naver", "last_login_at": sent})
    assert account.last_login_at == kept


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "Google"},
        {"nickname": "a\x00b"},
        {"picture": "x" * 2049},
        {"last_login_at": "2026-01-02T03:04:05"},  # no offset: whose time is it?
        {"last_login_at": None},
        {"last_login_at": 1767323045},  # seconds or milliseconds?
    ],
)
def test_what_auth_cannot_have_meant(change: dict[str, object]) -> None:
    account = {"provider": "google", "last_login_at": "2026-01-02T03:04:05Z"} | change
    with pytest.raises(ValidationError):
        PushedUser.model_validate({"version": 1, "accounts": [account]})


def test_members_of_a_newer_auth_are_ignored() -> None:
    account = {"provider": "google", "last_login_at": "2026-01-02T03:04:05Z", "locale": "ko"}
    assert PushedUser.model_validate({"version": 2**53 - 1, "accounts": [account], "since": 7}).accounts
