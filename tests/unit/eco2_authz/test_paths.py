import pytest

from eco2_authz.errors import SettingsError
from eco2_authz.paths import PublicPaths

PUBLIC = PublicPaths.parse("/health, /api/v1/auth/login ,/docs/*,,/api/v1/auth/callback/*")


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/health?",
        "/health?x=/../%2f//;#",
        "/api/v1/auth/login",
        "/docs/",
        "/docs/index.html",
        "/docs/a/b?c=%2e%2e",
        "/docs/...",
        "/docs/..a",
        "/docs/%41",
        "/api/v1/auth/callback/kakao?code=1",
    ],
)
def test_a_public_path(path: str) -> None:
    assert PUBLIC.matches(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "/",
        "health",
        "/Health",
        "/health/",
        "/healthz",
        "/health/x",
        "/docs",
        "/docs?x",
        "/docsx/a",
        "/x/docs/",
        "http://growbin.app/health",
        "?/health",
    ],
)
def test_any_other_path(path: str) -> None:
    assert not PUBLIC.matches(path)


@pytest.mark.parametrize(
    "rest",
    [
        "%2fadmin",
        "%2Fadmin",
        "a%5cb",
        "a%5Cb",
        "%2e%2e/x",
        "%2E",
        "a%00",
        "/x",
        "a//x",
        "../x",
        "a/../x",
        "..",
        "a/..",
        "./x",
        ".",
        "a\\b",
        "..;/x",
        "a;b",
        "a#b",
        "#?x",
        "a b",
        "a\tb",
        "a\r\nb",
        "a\x00b",
        "a\x7f",
        "a\x80",
        "쓰레기",
        "a\ud800",
    ],
)
def test_what_can_be_read_in_two_ways_never_matches(rest: str) -> None:
    assert not PUBLIC.matches(f"/docs/{rest}")


def test_without_patterns_nothing_is_public() -> None:
    assert not PublicPaths().matches("/health")
    assert PublicPaths.parse(" , ") == PublicPaths()


def test_either_kind_of_pattern_works_alone() -> None:
    assert PublicPaths.parse("/a").matches("/a")
    assert not PublicPaths.parse("/a").matches("/a/b")
    assert PublicPaths.parse("/a/*").matches("/a/b")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("/*", "everything public"),
        ("health", "must be a path"),
        ("*", "must be a path"),
        ("/a*", "must be a path"),
        ("/*/a", "must be a path"),
        ("/a?b", "must be a path"),
        ("//*", "never matches"),
        ("/a//b", "never matches"),
        ("/a/../b", "never matches"),
        ("/a/..", "never matches"),
        ("/a/./*", "never matches"),
        ("/a%2fb", "never matches"),
        ("/a;b", "never matches"),
        ("/a b", "never matches"),
        ("/쓰레기", "never matches"),
    ],
)
def test_a_pattern_that_cannot_be_meant_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        PublicPaths.parse(f"/health,{pattern}")
