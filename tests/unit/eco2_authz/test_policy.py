import math
from typing import Any

import pytest

from eco2_authz.errors import SettingsError
from eco2_authz.policy import Policy


@pytest.mark.parametrize("algorithms", [{"RS256"}, {"ES256"}, {"RS256", "ES256"}, {"HS256"}])
def test_one_kind_of_algorithms(algorithms: set[str]) -> None:
    assert Policy(algorithms=frozenset(algorithms)).algorithms == algorithms


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"algorithms": frozenset()}, "JWT_ALGORITHMS: name RS256"),
        ({"algorithms": frozenset({"none"})}, "JWT_ALGORITHMS: name RS256"),
        ({"algorithms": frozenset({"RS256", "RS512"})}, "JWT_ALGORITHMS: name RS256"),
        ({"algorithms": frozenset({"HS256", "RS256"})}, "cannot be mixed"),
        ({"leeway": -1.0}, "JWT_LEEWAY_SECONDS: must be from 0 to 300"),
        ({"leeway": 301.0}, "JWT_LEEWAY_SECONDS"),
        ({"leeway": math.inf}, "JWT_LEEWAY_SECONDS"),
        ({"leeway": math.nan}, "JWT_LEEWAY_SECONDS"),
        ({"cookie": "a b"}, "JWT_COOKIE"),
        ({"cookie": "a=b"}, "JWT_COOKIE"),
        ({"cookie": "쿠키"}, "JWT_COOKIE"),
        ({"issuer": ""}, "JWT_ISSUER"),
        ({"audience": ""}, "JWT_AUDIENCE"),
    ],
)
def test_rules_that_protect_nothing_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Policy(**{"algorithms": frozenset({"RS256"})} | fields)


def test_an_empty_cookie_name_means_none() -> None:
    assert Policy(algorithms=frozenset({"RS256"}), cookie="").cookie == ""


@pytest.mark.parametrize("leeway", [0.0, 300.0])
def test_the_least_and_the_greatest_leeway(leeway: float) -> None:
    assert Policy(algorithms=frozenset({"RS256"}), leeway=leeway).leeway == leeway
