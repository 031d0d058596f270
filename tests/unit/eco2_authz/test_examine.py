"""Where the token of a request is looked for."""

from typing import Any

import pytest

from eco2_authz.check import examine
from eco2_authz.decision import Decision, Reason
from eco2_authz.paths import PublicPaths
from eco2_authz.policy import Policy
from eco2_authz.request import Request

POLICY = Policy(algorithms=frozenset({"RS256"}), public=PublicPaths.parse("/health"))
COOKIELESS = Policy(algorithms=frozenset({"RS256"}), cookie="")


def examined(policy: Policy = POLICY, **parts: Any) -> str:
    """The token, or the reason in brackets."""
    found = examine(Request(**{"path": "/x"} | parts), policy)
    return f"[{found.reason}]" if isinstance(found, Decision) else found


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer a.b.c", "a.b.c"),
        ("bearer a.b.c", "a.b.c"),
        ("BEARER a.b.c", "a.b.c"),
        ("Bearer   a.b.c ", "a.b.c"),
        ("Bearer a.b.c,Bearer d.e.f", "a.b.c,Bearer d.e.f"),
        ("Bearer a b", "a b"),
        ("Bearer", "[malformed]"),
        ("Bearer ", "[malformed]"),
        ("bearer    ", "[malformed]"),
        ("", "[missing_token]"),
        ("Basic dXNlcjpwYXNz", "[missing_token]"),
        ("Basic x,Bearer a.b.c", "[missing_token]"),
        ("Bearera.b.c", "[missing_token]"),
        ("Bearer:a.b.c", "[missing_token]"),
        (" Bearer a.b.c", "[missing_token]"),
        ("a.b.c", "[missing_token]"),
    ],
)
def test_authorization_header(header: str, token: str) -> None:
    assert examined(authorization=(header,)) == token


def test_two_authorization_headers_are_malformed() -> None:
    assert examined(authorization=("Bearer a.b.c", "Bearer a.b.c")) == "[malformed]"
    assert examined(authorization=("Basic x", "Bearer a.b.c")) == "[malformed]"


@pytest.mark.parametrize("header", ["Basic x", "Bearer", ""])
def test_the_cookie_is_not_read_beside_an_authorization_header(header: str) -> None:
    assert examined(authorization=(header,), cookies=("s_access=a.b.c",)) != "a.b.c"


@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        ((), "[missing_token]"),
        (("",), "[missing_token]"),
        (("theme=dark",), "[missing_token]"),
        (("s_access=a.b.c",), "a.b.c"),
        (("theme=dark; s_access=a.b.c; lang=ko",), "a.b.c"),
        (("theme=dark;s_access=a.b.c",), "a.b.c"),
        (("theme=dark", "s_access=a.b.c"), "a.b.c"),
        (("theme=s_access; s_access=a=b",), "a=b"),
        (("xs_access=1; s_access_x=2; S_ACCESS=3",), "[missing_token]"),
        (('s_access="a.b.c"',), '"a.b.c"'),
        (("s_access= a.b.c",), " a.b.c"),
        (("s_access=a.b.c,s_access=d",), "a.b.c,s_access=d"),
        (("s_access",), "[missing_token]"),
        (("s_access=",), "[missing_token]"),
        (("s_access=; theme=dark",), "[missing_token]"),
        (("s_access=a; s_access=a",), "[malformed]"),
        (("s_access=a", "s_access=b"), "[malformed]"),
        (("s_access=; s_access=a",), "[malformed]"),
        (("s_access=a; s_access =b",), "[malformed]"),
        ((";" * 10_000 + "s_access=a",), "a"),
    ],
)
def test_cookie(cookies: tuple[str, ...], token: str) -> None:
    assert examined(cookies=cookies) == token


def test_without_a_cookie_name_no_cookie_is_read() -> None:
    assert examined(COOKIELESS, cookies=("s_access=a.b.c", "=x")) == "[missing_token]"


def test_a_public_path_needs_no_token_and_does_not_mind_a_bad_one() -> None:
    assert examined(path="/health?x") == "[public]"
    assert examined(path="/health", authorization=("Bearer", "Bearer"), cookies=("s_access=expired",)) == "[public]"


def test_why_is_said_in_a_sentence() -> None:
    found = examine(Request(path="/x"), POLICY)
    assert isinstance(found, Decision)
    assert (found.reason, found.detail) == (Reason.MISSING_TOKEN, "no access token was sent")
