"""Laws of public paths: whoever reads a path that matched, reads it as public."""

import posixpath
from urllib.parse import unquote

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eco2_authz.paths import PublicPaths

EXAMPLES = settings(max_examples=1000, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PUBLIC = PublicPaths.parse("/health,/docs/*,/api/v1/auth/callback/*")
PIECES = st.sampled_from(
    [
        "/",
        "//",
        ".",
        "..",
        "a",
        "docs",
        "health",
        "%2f",
        "%2F",
        "%2e",
        "%5C",
        "%00",
        "%41",
        ";",
        "#",
        "?",
        "\\",
        " ",
        "é",
    ]
)
PATHS = st.tuples(
    st.sampled_from(["", "/docs/", "/docs", "/health", "/api/v1/auth/callback/"]), st.lists(PIECES, max_size=6)
).map(lambda parts: parts[0] + "".join(parts[1]))


def readings(path: str) -> set[str]:
    """A path as proxies, frameworks and file servers have been seen to read it."""
    path = path.partition("?")[0]
    found = {path, unquote(path), path.partition("#")[0], path.partition(";")[0], path.replace("\\", "/")}
    found |= {unquote(one) for one in found}
    return found | {posixpath.normpath(one) + ("/" if one.endswith("/") else "") for one in found}


@EXAMPLES
@given(PATHS)
@example("/docs/../admin")
@example("/docs/%2e%2e/admin")
@example("/docs/..;/admin")
@example("/docs/..")
@example("/docs/..\\admin")
def test_every_reading_of_a_public_path_is_public(path: str) -> None:
    if PUBLIC.matches(path):
        assert all(PUBLIC.matches(one) for one in readings(path)), readings(path)


@EXAMPLES
@given(PATHS, st.text(max_size=10))
def test_a_query_makes_no_difference(path: str, query: str) -> None:
    assert PUBLIC.matches(f"{path}?{query}") == PUBLIC.matches(path)
