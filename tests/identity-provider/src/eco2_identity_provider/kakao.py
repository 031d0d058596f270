"""Kakao: OpenID Connect with exceptions.

* Discovery: https://kauth.kakao.com/.well-known/openid-configuration. `client_secret_post` is the only method, S256
  the only challenge, and `nonce` is among the claims; `/v2/user/me` of the user API is not in it.
  https://developers.kakao.com/docs/latest/en/kakaologin/rest-api
* Without `scope` the consent items of the application apply, and an application with OpenID Connect switched on gets an
  ID token; with `scope` (separated by commas) only when it contains `openid` (same page, "Additional consent").
* Unknown client (KOE101) and unregistered redirect URI (KOE006) are shown to the user, without a redirect; Cancel comes
  back as `error=access_denied&error_description=User denied access`. A failing token request answers `error`,
  `error_description` and `error_code`: KOE010 (401) wrong or missing secret, KOE303 another redirect URI, KOE320 code
  unknown, old or used. The documentation has no code of its own for a wrong verifier: KOE320 here.
  https://developers.kakao.com/docs/latest/en/kakaologin/trouble-shooting
* `expires_in` is the time of the access token and of the ID token. The ID token has an `email` only when that is valid
  and verified. In the user info the subject is a number, the e-mail is there only with the user's consent, and counts
  only with `is_email_valid` (not taken over by another account) and `is_email_verified`. Pictures come by http, unless
  the request has `secure_resource=true`.
  https://developers.kakao.com/docs/latest/en/kakaologin/rest-api (tables of the ID token and of the Kakao account)
* The user API answers errors with a number: `{"msg": ..., "code": -401}`.
  https://developers.kakao.com/docs/latest/en/rest-api/error-code
"""

from typing import Any, Final

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
from eco2_identity_provider.users import User

ITEMS: Final = frozenset({"openid", "account_email", "profile_nickname", "profile_image"})
"""Consent items of the application."""
_REFRESH_SECONDS: Final = 5_184_000
_AUTHORIZE: Final = "/oauth/authorize"
_TOKEN: Final = "/oauth/token"  # noqa: S105  a path
_KEYS: Final = "/.well-known/jwks.json"
_OIDC_USERINFO: Final = "/v1/oidc/userinfo"
_USER_ME: Final = "/v2/user/me"


class Kakao:
    """Its endpoints: those of kauth.kakao.com and of kapi.kakao.com."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._consent = Consent(realm, denied="User denied access")

    def routes(self) -> list[BaseRoute]:
        """For below its prefix."""
        realm = self._realm
        return [
            Route(_AUTHORIZE, self._authorize),
            backchannel(realm, "/.well-known/openid-configuration", Endpoint.DISCOVERY, self._discovery),
            backchannel(realm, _KEYS, Endpoint.KEYS, self._keys),
            backchannel(realm, _TOKEN, Endpoint.TOKEN, self._token, methods=["POST"]),
            backchannel(realm, _OIDC_USERINFO, Endpoint.PROFILE, self._oidc_userinfo),
            backchannel(realm, _USER_ME, Endpoint.PROFILE, self._user_me, methods=["GET", "POST"]),
        ]

    async def _discovery(self, _: Request, __: Parameters) -> Response:
        issuer, script = self._realm.issuer, self._realm.script
        claims = ["iss", "aud", "sub", "auth_time", "exp", "iat", "nonce", "nickname", "picture", "email"]
        document: dict[str, Any] = {
            "issuer": "https://issuer.example.com" if Trouble.OTHER_ISSUER in script else issuer,
            "authorization_endpoint": issuer + _AUTHORIZE,
            "token_endpoint": issuer + _TOKEN,
            "userinfo_endpoint": issuer + ("/v3/me" if Trouble.STRANGE_ENDPOINT in script else _OIDC_USERINFO),
            "jwks_uri": issuer + _KEYS,
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "request_uri_parameter_supported": False,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": claims,
        }
        if Trouble.NO_PKCE in script:
            del document["code_challenge_methods_supported"]
        if Trouble.NO_NONCE_CLAIM in script:
            claims.remove("nonce")
        return JSONResponse(document)

    async def _keys(self, _: Request, __: Parameters) -> Response:
        return JSONResponse(self._realm.keys.published())

    async def _authorize(self, request: Request) -> Response:
        query, client = request.query_params, self._realm.client
        if query.get("client_id") != client.id:
            return refused(self._realm, "KOE101: Not exist client_id")
        if query.get("redirect_uri") not in client.redirect_uris:
            return refused(self._realm, "KOE006: Not registered redirect_uri")
        if query.get("response_type") != "code":
            return refused(self._realm, "KOE201: Unsupported response type")
        scopes = frozenset(query["scope"].split(",")) if "scope" in query else ITEMS
        if not scopes <= ITEMS:
            return back(
                query["redirect_uri"],
                {"error": "invalid_scope", "error_description": "KOE205", "state": query.get("state")},
            )
        no_pkce = Trouble.NO_PKCE in self._realm.script
        return self._consent.answer(request, scopes, None if no_pkce else query.get("code_challenge"))

    async def _token(self, _: Request, sent: Parameters) -> Response:
        realm = self._realm
        if (sent.get("client_id"), sent.get("client_secret")) != (realm.client.id, realm.client.secret):
            return _error("invalid_client", "Bad client credentials", "KOE010", 401)
        if sent.get("grant_type") != "authorization_code":
            return _error("unsupported_grant_type", "unsupported grant type", "KOE204")
        grant = realm.grants.redeem(sent.get("code"))
        if grant is None:
            # The real one repeats the code in its answer.
            return _error("invalid_grant", f"authorization code not found for code={sent.get('code')}", "KOE320")
        if sent.get("redirect_uri") != grant.redirect_uri:
            return _error("invalid_grant", "Redirect URI mismatch.", "KOE303")
        if not grant.proves(sent.get("code_verifier")):
            return _error("invalid_grant", "code verifier mismatch", "KOE320")
        body: dict[str, Any] = {
            "access_token": realm.grants.token(grant),
            "token_type": "bearer",
            "refresh_token": "never-asked-for",
            "expires_in": TOKEN_SECONDS - 1,
            "scope": " ".join(sorted(grant.scopes)),
            "refresh_token_expires_in": _REFRESH_SECONDS - 1,
        }
        if "openid" in grant.scopes and Trouble.NO_ID_TOKEN not in realm.script:
            claims = {"auth_time": int(realm.clock()), **self._profile(grant.user), **self._email(grant)}
            body["id_token"] = id_token(realm, str(grant.user.kakao_id), grant.nonce, claims)
        return JSONResponse(body)

    async def _oidc_userinfo(self, request: Request, _: Parameters) -> Response:
        grant = self._realm.grants.holder(bearer(request))
        if grant is None:
            return _refused_token()
        user = subject_of(self._realm, grant.user)
        return JSONResponse({"sub": str(user.kakao_id), **self._profile(user), **self._email(grant)})

    async def _user_me(self, request: Request, sent: Parameters) -> Response:
        grant = self._realm.grants.holder(bearer(request))
        if grant is None:
            return _refused_token()
        user = subject_of(self._realm, grant.user)
        account: dict[str, Any] = {"profile_nickname_needs_agreement": Trouble.NO_PROFILE in self._realm.script}
        if profile := self._profile(user):
            secure = sent.get("secure_resource") == "true"
            picture = user.picture if secure else profile["picture"]
            account["profile"] = {
                "nickname": profile["nickname"],
                "thumbnail_image_url": picture,
                "profile_image_url": picture,
                "is_default_image": False,
                "is_default_nickname": False,
            }
        if "account_email" in grant.scopes:
            account |= self._account_email(user)
        return JSONResponse({"id": user.kakao_id, "connected_at": "2024-04-01T00:00:00Z", "kakao_account": account})

    def _account_email(self, user: User) -> dict[str, Any]:
        email, verified = email_of(self._realm, user)
        if email is None:
            return {"email_needs_agreement": True}
        return {
            "email_needs_agreement": False,
            "is_email_valid": Trouble.INVALID_EMAIL not in self._realm.script,
            "is_email_verified": verified,
            "email": email,
        }

    def _profile(self, user: User) -> dict[str, str]:
        if Trouble.NO_PROFILE in self._realm.script:
            return {}
        return {"nickname": user.nickname, "picture": user.picture.replace("https:", "http:")}

    def _email(self, grant: Grant) -> dict[str, str]:
        email, verified = email_of(self._realm, grant.user)
        good = verified and Trouble.INVALID_EMAIL not in self._realm.script and "account_email" in grant.scopes
        return {"email": email} if good and email is not None else {}


def _error(error: str, description: str, code: str, status: int = 400) -> Response:
    return JSONResponse({"error": error, "error_description": description, "error_code": code}, status)


def _refused_token() -> Response:
    return JSONResponse({"msg": "this access token does not exist", "code": -401}, 401)
