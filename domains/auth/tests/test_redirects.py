"""Where a login may send the browser, and everywhere else."""

from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eco2_auth.redirects import MAX_LENGTH, RedirectAllowList

ALLOWED = RedirectAllowList.parse(
    "https://app.example.com, https://xn--9n2bp8q.example.com,https://port.example.com:8443,"
    "https://path.example.com/app/, http://localhost:5173,http://127.0.0.1:5173/ui,http://[::1]:5173,"
)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/a/b.html?next=/c&d=https://e.example/%0d%0a#"[:-1],
        "https://app.example.com?a=b",
        "https://app.example.com/@me",
        "https://app.example.com/a:b,c=d,e",
        "https://app.example.com/%ED%95%9C",
        "https://app.example.com/a/",
        "https://app.example.com/.well-known/x",
        "https://app.example.com/a..b/...",
        "https://xn--9n2bp8q.example.com/",
        "https://port.example.com:8443/x",
        "https://path.example.com/app",
        "https://path.example.com/app/",
        "https://path.example.com/app/x?y",
        "https://path.example.com/app?x",
        "http://localhost:5173/",
        "http://127.0.0.1:5173/ui/x",
        "http://[::1]:5173/x",
    ],
)
def test_permitted(uri: str) -> None:
    assert ALLOWED.permitted(uri)


ATTACKS = {
    "nothing": ["", " ", "/", "/app", "app.example.com", "//app.example.com", "https:", "https://", "https:///x"],
    "other hosts": [
        "https://evil.example",
        "https://app.example.com.evil.example/",
        "https://evilapp.example.com",
        "https://evil.example/https://app.example.com",
        "https://evil.example?https://app.example.com",
        "https://app.example.comevil",
        "https://sub.app.example.com",
        "https://example.com",
        "https://app-example.com",
        "https://appxexample.com",
    ],
    "other schemes": [
        "http://app.example.com",
        "https://localhost:5173",
        "javascript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://app.example.com",
        "wss://app.example.com",
        "blob:https://app.example.com/x",
        "view-source:https://app.example.com",
        "com.example.app://callback",
    ],
    "without a scheme": [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
    ],
    "slashes": [
        "https:/app.example.com",
        "https:///app.example.com",
        "https:\\\\app.example.com",
        "https:app.example.com",
    ],
    "user info": [
        "https://app.example.com@evil.example",
        "https://app.example.com:443@evil.example",
        "https://app.example.com%40evil.example",
        "https://user@app.example.com",
        "https://user:password@app.example.com",
        "https://@app.example.com",
        "https://:@app.example.com/",
        "https://evil.example#@app.example.com",
    ],
    "backslashes": [
        "https://evil.example\\@app.example.com",
        "https://app.example.com\\@evil.example",
        "https://app.example.com\\.evil.example",
        "https://app.example.com/\\evil.example",
        "https://app.example.com/a?b\\c",
        "https://evil.example\\/app.example.com",
    ],
    "case": [
        "HTTPS://app.example.com",
        "https://APP.example.com",
        "https://App.Example.Com/",
        "Https://app.example.com",
    ],
    "ports": [
        "https://app.example.com:443",
        "https://app.example.com:80",
        "https://app.example.com:8443",
        "https://app.example.com:",
        "https://app.example.com:0",
        "https://app.example.com:00443",
        "https://app.example.com:65979",
        "https://app.example.com:-1",
        "https://app.example.com:a",
        "https://port.example.com",
        "https://port.example.com:8444",
        "https://port.example.com:84430",
        "https://port.example.com:08443",
        "https://port.example.com:8443.evil.example",
        "https://port.example.com:99999",
        "http://localhost",
        "http://localhost:5174",
    ],
    "other alphabets": [
        "https://аpp.example.com",  # Cyrillic
        "https://app。example.com",  # ideographic full stop
        "https://app．example．com",
        "https://ⓐpp.example.com",
        "https://app.example.com／x",
        "https://app.example.com\u200b",
        "https://한글.example.com",
        "https://xn--pp-7kc.example.com",
        "https://XN--9N2BP8Q.example.com",
        "https://app.example.com/한",
        "https://app.example.com/\ufeff",
    ],
    "control characters": [
        "https://app.example.com\n",
        "\nhttps://app.example.com",
        " https://app.example.com",
        "https://app.example.com ",
        "https://app.example.com\t",
        "ht\ntps://app.example.com",
        "https://app.example.com/\r\nSet-Cookie:a=b",
        "https://app.exa\tmple.com",
        "https://evil.example\t@app.example.com",
        "https://app.example.com/\0",
        "https://app.example.com/\x7f",
        "https://app.example.com/\x85",
        "java\tscript:alert(1)",
    ],
    "escapes in the host": [
        "https://app%2eexample.com",
        "https://app.example.com%2f.evil.example",
        "https://app.example.com%00.evil.example",
        "https://app.example.com%23.evil.example",
        "https://%61pp.example.com",
    ],
    "dots at the end": [
        "https://app.example.com.",
        "https://app.example.com./x",
        "https://app.example.com..",
        "https://.app.example.com",
    ],
    "fragments": ["https://app.example.com#", "https://app.example.com/#x", "https://app.example.com/a?b#c"],
    "out of the path": [
        "https://path.example.com",
        "https://path.example.com/",
        "https://path.example.com/application",
        "https://path.example.com/APP",
        "https://path.example.com//app",
        "https://path.example.com/app/..",
        "https://path.example.com/app/../x",
        "https://path.example.com/app/./x",
        "https://path.example.com/app/.",
        "https://path.example.com/app/..;/x",
        "https://path.example.com/app/%2e%2e/x",
        "https://path.example.com/app/%2E./x",
        "https://path.example.com/app/..%2fx",
        "https://path.example.com/app/%2f..%2fx",
        "https://path.example.com/app%2f",
        "https://path.example.com/app%5cx",
        "https://path.example.com/app/%5C..%5Cx",
        "https://path.example.com/app/%252e%252e/x",
        "https://path.example.com/app/%00",
        "https://path.example.com/app/%0d%0aSet-Cookie:a=b",
        "https://path.example.com/app/%7f",
        "https://path.example.com/app//evil.example",
        "https://path.example.com/app/x//",
        "https://path.example.com/%61pp",
        "https://path.example.com/x/../app",
        "https://path.example.com?/app/",
        "https://path.example.com/app/%",
        "https://path.example.com/app/%4",
        "https://path.example.com/app/%zz",
        "https://path.example.com/app?%",
    ],
    "other writings of an address": [
        "http://2130706433:5173/ui",
        "http://0x7f.0.0.1:5173/ui",
        "http://127.1:5173/ui",
        "http://[0:0:0:0:0:0:0:1]:5173/",
        "http://[::ffff:127.0.0.1]:5173/",
        "http://localhost.:5173",
        "http://[::1:5173",
        "http://[::1]evil:5173",
    ],
    "what is not in addresses": [
        "https://app.example.com/<script>",
        'https://app.example.com/"',
        "https://app.example.com/`",
        "https://app.example.com/{a}",
        "https://app.example.com/|",
        "https://app.example.com/^",
        "https://app.example.com/[a]",
        "https://app.example.com|evil.example",
        "https://app.example.com*",
        "https://app.example.com,evil.example",
        "https://app.example.com;evil.example",
        "https://app.example.com&evil.example",
        "https://app.example.com=evil.example",
    ],
    "length": ["https://app.example.com/" + "a" * MAX_LENGTH, "https://" + "a." * 100_000 + "example.com"],
}


@pytest.mark.parametrize(
    "uri", [pytest.param(uri, id=f"{kind}: {uri[:60]!r}") for kind in ATTACKS for uri in ATTACKS[kind]]
)
def test_not_permitted(uri: str) -> None:
    assert not ALLOWED.permitted(uri)


def test_an_empty_list_permits_nothing() -> None:
    for text in ("", " ", ",", " , "):
        assert not RedirectAllowList.parse(text).permitted("https://app.example.com")


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("*", "origin"),
        ("https://*.example.com", "origin"),
        ("https://app.example.com/*", "origin"),
        ("app.example.com", "origin"),
        ("https://App.example.com", "origin"),
        ("https://user@app.example.com", "origin"),
        ("https://app.example.com#x", "origin"),
        ("https://app.example.com?x", "origin"),
        ("https://app.example.com/a?x", "origin"),
        ("https://app.example.com/../x", "origin"),
        ("https://app.example.com.", "origin"),
        ("https://app.example.com:443", "port"),
        ("http://localhost:80", "port"),
        ("http://app.example.com", "https"),
        ("http://localhost.example.com", "https"),
        ("javascript:alert(1)", "origin"),
    ],
)
def test_entries_that_cannot_mean_what_they_say(entry: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        RedirectAllowList.parse(f"https://app.example.com,{entry}")


ORIGINS = {(entry.origin, entry.path) for entry in ALLOWED.entries}
PIECES = st.sampled_from(
    [
        *(uri for uri, _ in ORIGINS),
        "https:",
        "http:",
        "//",
        "/",
        "\\",
        "@",
        ":",
        "?",
        "#",
        ".",
        "..",
        "%2e",
        "%2f",
        "%5c",
        "app",
        "app.example.com",
        "path.example.com",
        "evil.example",
        "8443",
        "\t",
        "\n",
        "[::1]",
        "。",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join))
def test_what_is_permitted_leads_where_everybody_thinks(uri: str) -> None:
    assert not ALLOWED.permitted(uri) or is_allowed(uri)


@given(st.sampled_from(sorted(ORIGINS)), st.integers(0, 60), st.text(min_size=1, max_size=3))
def test_what_is_slipped_in_does_not_lead_elsewhere(entry: tuple[str, str], place: int, piece: str) -> None:
    whole = "".join(entry)
    uri = whole[:place] + piece + whole[place:]
    assert not ALLOWED.permitted(uri) or is_allowed(uri)


def is_allowed(uri: str) -> bool:
    """What two other parsers make of it is in the list."""
    one, two = urlsplit(uri), httpx2.URL(uri)
    assert (one.username, one.password, one.fragment) == (None, None, "")
    assert (two.userinfo, two.fragment) == (b"", "")
    assert (one.hostname or "").strip("[]") == two.raw_host.decode().strip("[]")
    assert one.port == two.port
    assert uri.isascii()
    assert uri.isprintable()
    host = f"[{one.hostname}]" if ":" in (one.hostname or "") else one.hostname
    origin = f"{one.scheme}://{host}" + (f":{one.port}" if one.port else "")
    return any(origin == allowed and f"{one.path}/".startswith(f"{path}/") for allowed, path in ORIGINS)
