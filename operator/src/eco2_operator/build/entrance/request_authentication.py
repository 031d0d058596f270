"""The RequestAuthentication: the gateway verifies tokens too, beside ext-authz.

Envoy's jwt_authn knows neither host nor path and refuses every invalid token it finds. So it looks only into a header
of this entrance's own, into which the gateway copies the token where ext-authz is asked: an expired cookie does not
keep anybody from the login, nor a token of another host from that host.
"""

from eco2_operator.build.entrance.context import Entrance, EntranceContext
from eco2_operator.build.entrance.names import outside, token_header
from eco2_operator.build.entrance.scope import auth, gateway, in_force
from eco2_operator.build.fields import given, in_order
from eco2_operator.kinds import REQUEST_AUTHENTICATION
from eco2_operator.naming import Manifest


def build(entrance: Entrance, ctx: EntranceContext) -> Manifest | None:
    """The RequestAuthentication; None unless the spec asks for one."""
    jwt = auth(entrance).jwt
    if jwt is None or not in_force(entrance, ctx):
        return None
    rule = {
        "issuer": jwt.issuer,
        "jwksUri": jwt.jwks_uri,
        "audiences": sorted(jwt.audiences or ()),
        "fromHeaders": [{"name": token_header(entrance)}],
    }
    return {
        "apiVersion": REQUEST_AUTHENTICATION.api_version,
        "kind": REQUEST_AUTHENTICATION.name,
        "metadata": outside(entrance),
        "spec": {
            "selector": {"matchLabels": in_order(gateway(entrance).selector)},
            "jwtRules": [given(rule)],
        },
    }
