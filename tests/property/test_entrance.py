"""Laws of an entrance: policies, routes and the Lua agree about every path, whatever the routes are."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from support.istio import Request, applies, route_of, served
from support.lua_filter import LuaFilter
from support.specimens import JWT, asked, context, denied, entrance, gateway_context, public

from eco2_authz.check import examine
from eco2_authz.policy import Policy
from eco2_authz.request import Request as AuthzRequest
from eco2_operator.build.entrance import authorization_policy, envoy_filter, guard, token_copy, virtual_service
from eco2_operator.build.entrance.context import Entrance, EntranceContext
from eco2_operator.build.entrance.names import entrance_id, token_header
from eco2_operator.build.entrance.transition import union
from eco2_operator.naming import Manifest
from eco2_operator.plan import plan_entrance

Json = dict[str, Any]
EXAMPLES = settings(max_examples=400, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEGMENTS = st.sampled_from(["a", "b", "ab"])
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda segments: f"/{'/'.join(segments)}")
MAKERS = st.sampled_from([asked, public, denied])
CHAINS = st.lists(SEGMENTS, min_size=1, max_size=5).map(
    lambda segments: [f"/{'/'.join(segments[:length])}" for length in range(len(segments) + 1)]
)
"""A path and everything above it: most is decided where routes lie below each other."""


@st.composite
def several(draw: st.DrawFn) -> list[Json]:
    """Routes, many of them below each other, with paths of 256 characters and unusual ones among them."""
    paths = draw(st.lists(PATHS, max_size=4)) + draw(st.lists(st.sampled_from(draw(CHAINS)), min_size=1, max_size=6))
    paths += draw(st.lists(st.sampled_from(["/a" * 128, "/A", "/a.b", "/~", "/-/_"]), max_size=1))
    return [draw(MAKERS)(path) for path in dict.fromkeys(paths)]


ROUTES = several()
TAILS = st.sampled_from(["", "", "/", "/x", "/a", "/a/b", "x", ".", ";a", "/ab/", "b"])


@st.composite
def cases(draw: st.DrawFn, most: int = 4) -> tuple[list[Json], list[str]]:
    """Routes, and paths at, below and beside them."""
    routes = draw(ROUTES)
    near = st.one_of(st.sampled_from([route["path"] for route in routes]), PATHS)
    places = st.tuples(near, TAILS).map("".join).filter(lambda path: "//" not in path)
    return routes, draw(st.lists(places, min_size=1, max_size=most))


HOSTS = ("api.example.org", "*.other.example", "deep.other.example")
ASKED_HOSTS = st.sampled_from(
    [
        *("api.example.org", "API.example.org", "api.example.org:80", "api.example.org:8443", "api.example.org:"),
        *("x.other.example", "X.Other.Example:443", "x.other.example:80", "x.other.example:81", "y.x.other.example"),
        *("x.other.example:0443", "deep.other.example", "other.example", ".other.example", "elsewhere.example", ""),
        *("api.example.org.", "x.other.example.", "x.other.example:80:80", "u:p@x.other.example"),
    ]
)


@dataclass(frozen=True)
class Made:
    """An entrance, and what is made of it."""

    entrance: Entrance

    @classmethod
    def of(cls, routes: list[Json], **spec: Any) -> "Made":
        return cls(entrance(*routes, **{"hosts": list(HOSTS), **spec}))

    @cached_property
    def context(self) -> EntranceContext:
        return context(self.entrance)

    @cached_property
    def custom(self) -> Manifest | None:
        return authorization_policy.build(self.entrance, self.context)

    @cached_property
    def deny(self) -> Manifest | None:
        return authorization_policy.build_deny(self.entrance, self.context)

    @cached_property
    def routes(self) -> Manifest:
        made = virtual_service.build(self.entrance, self.context)
        assert made is not None
        return made

    @cached_property
    def filter(self) -> Manifest | None:
        return envoy_filter.build(gateway_context([self.entrance]))

    @cached_property
    def script(self) -> str:
        source = token_copy.source(gateway_context([self.entrance]).entrances)
        assert source is not None
        return source

    def request(self, path: str, host: str = HOSTS[0]) -> Request:
        """As it comes out of the first filters."""
        return Request(host, path, {guard.HEADER: self.guard})

    @cached_property
    def guard(self) -> str:
        """What filters say that have its policies."""
        return guard.value(["0a/1b", guard.entry(self.entrance, self.entrance.spec.hosts), "ff.aa/bb"])


def reached(routes: Manifest, request: Request) -> Manifest | None:
    """The route that answers. Whoever is told to connect again has none."""
    found = route_of(routes, request)
    return None if found is None or found.get("directResponse", {}).get("status") == 421 else dict(found)


def is_open(route: Json) -> bool:
    return bool(route.get("public") or route.get("deny"))


def longest(routes: list[Json], path: str) -> Json | None:
    """The route of a path, by trying every prefix that ends at a segment."""
    by_path = {route["path"]: route for route in routes}
    ends = [match.start() for match in re.finditer("/", path)] + [len(path)]
    for end in sorted(ends, reverse=True):
        if (route := by_path.get(path[:end])) is not None and end > 0:
            return route
    return by_path.get("/")


@EXAMPLES
@given(cases())
@example(([public("/"), asked("/a"), public("/a/b")], ["/ab", "/a/", "/a/b/c"]))
def test_what_is_asked_refused_and_routed_is_what_the_longest_route_says(case: tuple[list[Json], list[str]]) -> None:
    routes, paths = case
    made = Made.of(routes)
    for path in paths:
        agree(made, longest(routes, path), made.request(path))


def agree(made: Made, route: Json | None, request: Request) -> None:
    found = reached(made.routes, request)
    assert (found["name"] if found else None) == (route["path"] if route else None)
    if route is None:  # 404, asked about or not
        assert not applies(made.deny, request)
        return
    assert applies(made.custom, request) is not (route.get("public", False) or route.get("deny", False))
    assert applies(made.deny, request) is route.get("deny", False)
    assert found is not None
    assert ("directResponse" in found) is route.get("deny", False)


@EXAMPLES
@given(cases(most=1), ASKED_HOSTS)
def test_no_way_to_write_the_host_escapes_a_policy(case: tuple[list[Json], list[str]], host: str) -> None:
    routes, (path,) = case
    made, route = Made.of(routes), longest(routes, path)
    request = made.request(path, host)
    if route is not None and reached(made.routes, request) is not None:
        assert applies(made.custom, request) or route.get("public") or route.get("deny")
        assert applies(made.deny, request) or not route.get("deny")
    if not served(made.routes, host) and not host.lower().endswith((".other.example", ".other.example:80")):
        assert not applies(made.deny, request) or host.startswith("api.example.org:")


@EXAMPLES
@given(cases(most=1), st.sampled_from(["", ",", ",other,", "{}", "{},", ",{}", ",x{},"]))
def test_without_the_guard_nothing_answers(case: tuple[list[Json], list[str]], value: str) -> None:
    routes, (path,) = case
    made = Made.of(routes)
    headers = {guard.HEADER: value.replace("{}", entrance_id(made.entrance))}
    assert reached(made.routes, Request(HOSTS[0], path, headers)) is None


@EXAMPLES
@given(ROUTES, PATHS)
def test_a_further_route_that_is_asked_about_and_below_no_open_one_changes_no_guard(
    routes: list[Json], path: str
) -> None:
    above = longest(routes, path)
    assume(above is None or not (above.get("public") or above.get("deny")))
    assume(path not in [route["path"] for route in routes])
    before, after = Made.of(routes, auth={"jwt": JWT}), Made.of([*routes, asked(path)], auth={"jwt": JWT})
    assert after.custom == before.custom
    assert after.deny == before.deny
    assert after.filter == before.filter
    guards = plan_entrance(before.entrance, before.context).guards
    assert plan_entrance(after.entrance, after.context).guards == guards


@settings(EXAMPLES, max_examples=1500)
@given(ROUTES, cases(), st.sampled_from(HOSTS), st.lists(st.sampled_from(HOSTS), min_size=1, unique=True))
@example([public("/a/b")], ([asked("/a")], ["/a/b/c"]), HOSTS[0], [HOSTS[0]])
@example([public("/a")], ([public("/a"), asked("/a/b")], ["/a/b"]), HOSTS[0], [HOSTS[0]])
@example([public("/")], ([asked("/")], ["/x"]), HOSTS[0], [HOSTS[0]])
@example([asked("/")], ([asked("/")], ["/x"]), HOSTS[0], [HOSTS[1]])
def test_through_old_filters_no_request_comes_to_a_route_that_they_do_not_guard(
    old: list[Json], case: tuple[list[Json], list[str]], host: str, known: list[str]
) -> None:
    """A connection that was opened before the entrance changed has the old policies, and gets the new routes."""
    routes, paths = case
    before, after = Made.of(old, hosts=known), Made.of(routes)
    for path in paths:
        request = Request(host.replace("*", "x"), path, {guard.HEADER: before.guard})
        found = reached(after.routes, request)
        if found is None or "directResponse" in found:
            continue
        route = longest(routes, path)
        assert route is not None
        assert route.get("public") or applies(before.custom, request)


@EXAMPLES
@given(ROUTES, ROUTES, cases(), st.sampled_from(HOSTS[:2]))
def test_what_is_added_leaves_other_routes_where_they_were_also_for_old_filters(
    old: list[Json], more: list[Json], case: tuple[list[Json], list[str]], host: str
) -> None:
    known = {route["path"] for route in old}
    added = [route for route in more if route["path"] not in known]
    before, after = Made.of(old, hosts=[host]), Made.of([*old, *added])
    for path in case[1]:
        route = longest(old, path)
        if route is None or route is not longest([*old, *added], path):
            continue
        if any(is_open(new) and f"{route['path']}/".startswith(f"{new['path'].rstrip('/')}/") for new in added):
            continue  # it has to be asked about again now, and they are not known to do so
        request = Request(host.replace("*", "x"), path, {guard.HEADER: before.guard})
        found = reached(after.routes, request)
        assert found is not None
        assert found["name"] == route["path"]


@EXAMPLES
@given(ROUTES, ROUTES)
def test_the_guard_header_is_read_as_it_was_written(one: list[Json], other: list[Json]) -> None:
    entries = [guard.entry(Made.of(routes).entrance, HOSTS) for routes in (one, other)]
    entries.append(guard.entry(entrance(name="third"), ["a.example"]))
    found = guard.read(guard.value(entries))
    assert found == {
        entrance_id(Made.of(one).entrance): frozenset(entries[:2]),
        entrance_id(entrance(name="third")): frozenset(entries[2:]),
    }
    assert guard.read("") == guard.read(",") == {}


@EXAMPLES
@given(ROUTES, st.randoms(use_true_random=False))
def test_the_order_of_the_file_has_no_meaning(routes: list[Json], random: Any) -> None:
    shuffled = random.sample(routes, len(routes))
    one, other = Made.of(routes, auth={"jwt": JWT}), Made.of(shuffled, auth={"jwt": JWT}, hosts=list(HOSTS[::-1]))
    assert plan_entrance(one.entrance, one.context) == plan_entrance(other.entrance, other.context)
    assert one.filter == other.filter


@EXAMPLES
@given(ROUTES, cases(most=1))
def test_a_transition_asks_and_refuses_what_either_policy_does(
    old: list[Json], case: tuple[list[Json], list[str]]
) -> None:
    new, (path,) = case
    before, after = Made.of(old), Made.of(new)
    for live, wanted in ((before.custom, after.custom), (before.deny, after.deny)):
        if live is None or wanted is None:
            continue
        between, request = union(live, wanted), after.request(path)
        assert applies(between, request) is (applies(live, request) or applies(wanted, request))
        assert union(between, wanted) == between


@settings(EXAMPLES, max_examples=150)
@given(cases(most=8), st.sampled_from(["", "?a=/b", "?", "#/a"]))
@example(([public("/a" * 128), asked("/a" * 127)], ["/a" * 128, "/a" * 200, "/a" * 127, "/ab" * 100]), "")
def test_the_token_is_copied_exactly_where_ext_authz_is_asked(case: tuple[list[Json], list[str]], rest: str) -> None:
    routes, paths = case
    made = Made.of(routes, auth={"jwt": JWT})
    lua = LuaFilter(made.script)
    for path in paths:
        added = lua.run((":authority", HOSTS[0]), (":path", path + rest), ("authorization", "Bearer t"))
        expected = {token_header(made.entrance): "t"} if applies(made.custom, made.request(path)) else {}
        assert added == expected, path


@settings(EXAMPLES, max_examples=60)
@given(st.lists(ASKED_HOSTS, min_size=1, max_size=6))
def test_the_token_is_copied_for_every_host_that_is_routed(hosts: list[str]) -> None:
    made = Made.of([asked("/")], auth={"jwt": JWT})
    lua = LuaFilter(made.script)
    for host in hosts:
        added = lua.run((":authority", host), (":path", "/"), ("authorization", "Bearer t"))
        if reached(made.routes, made.request("/", host)) is not None:
            assert added == {token_header(made.entrance): "t"}
        elif not served(made.routes, host.partition(":")[0]):
            assert added == {}


BEARERS = st.sampled_from(
    [
        "Bearer a.b.c",
        "bearer  a.b.c ",
        "BEARER",
        "Bearer ",
        "Basic abc",
        "",
        "Bearer a b",
        "Bearera",
        "a.b.c",
        "Bearer\ta",
    ]
)
COOKIES = st.sampled_from(
    [
        *("s_access=a.b.c", "s_access=", "x=1; s_access=t", "s_access=t;s_access=u", " s_access = t ", "xs_access=t"),
        *("s_access", "s_access=a=b", ";;", "", "S_access=t", 's_access="t"', "x s_access=t", "other=s_access=t"),
    ]
)


@EXAMPLES
@given(st.lists(BEARERS, max_size=2), st.lists(COOKIES, max_size=2), st.booleans())
def test_the_token_is_the_one_ext_authz_takes(bearers: list[str], cookies: list[str], with_cookie: bool) -> None:
    auth: Json = {"jwt": JWT, **({"cookie": "s_access"} if with_cookie else {})}
    made = Made.of([asked("/")], auth=auth)
    entries = [("authorization", value) for value in bearers] + [("cookie", value) for value in cookies]
    added = LuaFilter(made.script).run((":authority", HOSTS[0]), (":path", "/"), *entries)
    request = AuthzRequest(path="/", authorization=tuple(bearers), cookies=tuple(cookies))
    taken = examine(request, Policy(algorithms=frozenset({"RS256"}), cookie="s_access" if with_cookie else ""))
    # With a space inside it is no token, which ext-authz finds out later.
    expected = {token_header(made.entrance): taken} if isinstance(taken, str) and " " not in taken.strip(" ") else {}
    assert added == expected
