"""Google: OpenID Connect as in its documentation.

* A discovery document says where everything is; it lists `plain` and `S256`, `client_secret_post` and
  `client_secret_basic`, and RS256 alone.
  https://developers.google.com/identity/openid-connect/openid-connect#discovery
* The scope must contain `openid`; `email` and `profile` add claims. `nonce` comes back in the ID token; `azp` is the
  client; `sub` is the only thing to know a user by, `email_verified` says whether the address is the user's.
  https://developers.google.com/identity/openid-connect/reference
* A redirect URI that is not registered, letter by letter, gets a page (redirect_uri_mismatch) and no redirect.
  https://developers.google.com/identity/protocols/oauth2/web-server
* Codes have a slash in them (`4/...`) and are good for one use. Wrong client: 401 invalid_client; wrong, old or used
  code or verifier: 400 invalid_grant; JSON with `error` and `error_description` (RFC 6749 section 5.2).
  There is no refresh token without `access_type=offline` (same page).
* Code challenge and verifier: RFC 7636, https://www.rfc-editor.org/rfc/rfc7636
* The issuer comes back with the code (RFC 9207, https://www.rfc-editor.org/rfc/rfc9207).
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from eco2_identity_provider.backchannel import Parameters, backchannel, bearer
from eco2_identity_provider.claims import email_of, subject_of
from eco2_identity_provider.consent import Consent, back, refused
from eco2_identity_provider.grants import TOKEN_SECONDS, Grant
from eco2_identity_provider.id_token import id_token
from eco2_identity_provider.realm import Realm
from eco2_identity_provider.troubles import Endpoint, Trouble

_AUTHORIZE: Final = "/o/oauth2/v2/auth"
_TOKEN: Final = "/token"  # noqa: S105  a path
_KEYS: Final = "/oauth2/v3/certs"
_USERINFO: Final = "/v1/userinfo"


class Google:
    """Its endpoints."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._consent = Consent(realm, denied=None, code_prefix="4/0A", iss=realm.issuer)

    def routes(self) -> list[BaseRoute]:
        """For below its prefix."""
        realm = self._realm
        return [
            Route(_AUTHORIZE, self._authorize),
            backchannel(realm, "/.well-known/openid-configuration", Endpoint.DISCOVERY, self._discovery),
            backchannel(realm, _KEYS, Endpoint.KEYS, self._keys),
            backchannel(realm, _TOKEN, Endpoint.TOKEN, self._token, methods=["POST"]),
            backchannel(realm, _USERINFO, Endpoint.PROFILE, self._userinfo),
        ]

    async def _discovery(self, _: Request, __: Parameters) -> Response:
        issuer, script = self._realm.issuer, self._realm.script
        document: dict[str, Any] = {
            "issuer": "https://issuer.example.com" if Trouble.OTHER_ISSUER in script else issuer,
            "authorization_endpoint": issuer + _AUTHORIZE,
            "token_endpoint": "file:///token" if Trouble.STRANGE_ENDPOINT in script else issuer + _TOKEN,
            "userinfo_endpoint": issuer + _USERINFO,
            "jwks_uri": issuer + _KEYS,
            "response_types_supported": ["code", "token", "id_token", "code token", "code id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "name", "picture", "sub"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "authorization_response_iss_parameter_supported": True,
        }
        if Trouble.UNANNOUNCED_ISS in script:
            del document["authorization_response_iss_parameter_supported"]
        if Trouble.NO_PKCE in script:
            del document["code_challenge_methods_supported"]
        return JSONResponse(document)

    async def _keys(self, _: Request, __: Parameters) -> Response:
        return JSONResponse(self._realm.keys.published(), headers={"cache-control": "public, max-age=21600"})

    async def _authorize(self, request: Request) -> Response:
        query, client = request.query_params, self._realm.client
        if query.get("client_id") != client.id:
            return refused(self._realm, "Error 401: invalid_client")
        if query.get("redirect_uri") not in client.redirect_uris:
            return refused(self._realm, "Error 400: redirect_uri_mismatch")
        scopes = frozenset(query.get("scope", "").split())
        if query.get("response_type") != "code" or "openid" not in scopes:
            return refused(self._realm, "Error 400: invalid_request")
        challenge = query.get("code_challenge")
        if challenge is not None and query.get("code_challenge_method") != "S256":
            return back(query["redirect_uri"], {"error": "invalid_request", "state": query.get("state")})
        return self._consent.answer(request, scopes, challenge)

    async def _token(self, request: Request, sent: Parameters) -> Response:
        realm = self._realm
        if _client(request, sent) != (realm.client.id, realm.client.secret):
            return _error("invalid_client", "Unauthorized", 401)
        if sent.get("grant_type") != "authorization_code":
            return _error("unsupported_grant_type", "Invalid grant_type")
        grant = realm.grants.redeem(sent.get("code"))
        if grant is None:
            return _error("invalid_grant", "Bad Request")
        if sent.get("redirect_uri") != grant.redirect_uri:
            return _error("redirect_uri_mismatch", "Bad Request")
        if not grant.proves(sent.get("code_verifier")):
            return _error("invalid_grant", "Invalid code verifier.")
        body: dict[str, Any] = {
            "access_token": realm.grants.token(grant),
            "expires_in": TOKEN_SECONDS - 1,
            "scope": " ".join(sorted(grant.scopes)),
            "token_type": "Bearer",
        }
        if Trouble.NO_ID_TOKEN not in realm.script:
            claims = {"azp": realm.client.id, **self._claims(grant)}
            body["id_token"] = id_token(realm, grant.user.google_subject, grant.nonce, claims)
        return JSONResponse(body, headers={"cache-control": "no-store"})

    async def _userinfo(self, request: Request, _: Parameters) -> Response:
        grant = self._realm.grants.holder(bearer(request))
        if grant is None:
            return _error("invalid_request", "Invalid Credentials", 401)
        return JSONResponse({"sub": subject_of(self._realm, grant.user).google_subject, **self._claims(grant)})

    def _claims(self, grant: Grant) -> dict[str, Any]:
        claims: dict[str, Any] = {}
        email, verified = email_of(self._realm, grant.user)
        if "email" in grant.scopes and email is not None:
            claims |= {"email": email, "email_verified": verified}
        if "profile" in grant.scopes and Trouble.NO_PROFILE not in self._realm.script:
            claims |= {"name": grant.user.nickname, "picture": grant.user.picture}
        return claims


def _client(request: Request, sent: Parameters) -> tuple[str | None, str | None]:
    """Who calls: by Basic, else by the form. RFC 6749 section 2.3.1 has both parts form-encoded before Base64."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return sent.get("client_id"), sent.get("client_secret")
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return unquote_plus(name), unquote_plus(secret)


def _error(error: str, description: str, status: int = 400) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
