from time import process_time

import pytest
from support.lua_filter import LuaFilter
from support.specimens import HOST, JWT, asked, entrance, gateway_context, public

from eco2_operator.build.entrance.context import Entrance
from eco2_operator.build.entrance.names import token_header
from eco2_operator.build.entrance.token_copy import source

API = entrance(asked("/"), public("/login"), auth={"jwt": JWT, "cookie": "s_access"})
SIZE = 600_000
"""Octets: ten times what Envoy lets a client send in headers, so that work which grows with the square shows."""


def script(*entrances: Entrance) -> LuaFilter:
    text = source(gateway_context(entrances).entrances)
    assert text is not None
    return LuaFilter(text)


def test_no_script_where_nobody_has_tokens_verified() -> None:
    assert source(gateway_context([entrance()]).entrances) is None


@pytest.mark.parametrize("path", ["/login", "/login/", "/login/google?next=/", "/login?a"])
def test_an_expired_cookie_does_not_keep_anybody_from_the_login(path: str) -> None:
    assert script(API).run((":authority", HOST), (":path", path), ("cookie", "s_access=old")) == {}


def test_the_header_comes_before_the_cookie_whatever_it_is() -> None:
    lua, place = script(API), ((":authority", HOST), (":path", "/x"))
    assert lua.run(*place, ("cookie", "s_access=c")) == {token_header(API): "c"}
    assert lua.run(*place, ("cookie", "s_access=c"), ("authorization", "Bearer h")) == {token_header(API): "h"}
    assert lua.run(*place, ("cookie", "s_access=c"), ("authorization", "Basic h")) == {}


def test_the_token_of_another_host_is_nobodys_business() -> None:
    grafana = entrance(name="grafana", hosts=["grafana.example.org"])
    wide = entrance(name="wide", hosts=["*.example.org"], auth={"jwt": JWT})
    lua = script(API, grafana, wide)
    request = ((":path", "/"), ("authorization", "Bearer t"))
    assert lua.run((":authority", "grafana.example.org"), *request) == {}
    assert lua.run((":authority", "elsewhere.org"), *request) == {}
    assert lua.run((":authority", HOST), *request) == {token_header(API): "t"}
    assert lua.run((":authority", "www.example.org"), *request) == {token_header(wide): "t"}


@pytest.mark.parametrize("missing", [":authority", ":path"])
def test_a_request_without_one_of_them_is_no_error(missing: str) -> None:
    request = ((":authority", HOST), (":path", "/x"), ("authorization", "Bearer t"))
    script(API).run(*(entry for entry in request if entry[0] != missing))


@pytest.mark.parametrize(
    "entry",
    [
        (":path", "/a" * (SIZE // 2)),
        (":path", "/" * SIZE),
        (":path", "/login" + "?" * SIZE),
        (":authority", "a." * (SIZE // 2)),
        (":authority", ":" * SIZE),
        ("authorization", "Bearer" + " " * SIZE),
        ("authorization", "Bearer a" + " " * SIZE + "a"),
        ("authorization", "Bearer" + " a" * (SIZE // 2)),
        ("authorization", "B" * SIZE),
        ("cookie", " " * SIZE + "=a"),
        ("cookie", " " * (SIZE // 2) + "s_access" + " " * (SIZE // 2) + "x=a"),
        ("cookie", "s_access=a;" * (SIZE // 11)),
        ("cookie", ";" * SIZE),
        ("cookie", "a" * SIZE),
    ],
    ids=lambda entry: f"{entry[0]}-{entry[1][:9].strip()}",
)
def test_no_client_can_make_it_work_long(entry: tuple[str, str]) -> None:
    lua = script(API, entrance(asked("/" + "a/" * 120 + "a"), name="wide", hosts=["*.example.com"], auth={"jwt": JWT}))
    rest = {":authority": HOST, ":path": "/x", entry[0]: entry[1]}
    start = process_time()
    lua.run(*rest.items())
    assert process_time() - start < 0.5, "what grows with the square takes seconds"
