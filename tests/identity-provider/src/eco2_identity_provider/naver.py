"""Naver: OAuth 2.0 without OpenID Connect.

* `state` is required of the authorization request and of the token request; the secret is required; PKCE is not
  mentioned and ignored; `redirect_uri` is no parameter of the token request. GET and POST do the same.
  https://developers.naver.com/docs/login/api/api.md
* The token endpoint answers errors with 200 and `{"error", "error_description"}`, such as `invalid_request` with
  "no valid data in session" (code unknown, old or used) and "wrong client id / client secret pair".
  `expires_in` is text: "3600" (same page).
* What the user is comes from /v1/nid/me: `{"resultcode": "00", "message": "success", "response": {...}}`, where `id` is
  made for the application, every other field is there only with consent, and nothing says whether the e-mail, which
  the user may change to any contact address, was verified. A bad token: 401 and `{"resultcode": "024"}`.
  https://developers.naver.com/docs/login/profile/profile.md
* Codes are good for one use (RFC 6749 section 4.1.2, https://www.rfc-editor.org/rfc/rfc6749).
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from eco2_identity_provider.backchannel import Parameters, backchannel, bearer
from eco2_identity_provider.claims import email_of
from eco2_identity_provider.consent import Consent, back, refused
from eco2_identity_provider.grants import TOKEN_SECONDS
from eco2_identity_provider.realm import Realm
from eco2_identity_provider.troubles import Endpoint, Trouble

_NO_SESSION: Final = "no valid data in session"


class Naver:
    """Its endpoints: those of nid.naver.com and of openapi.naver.com."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._consent = Consent(realm, denied="Canceled By User")

    def routes(self) -> list[BaseRoute]:
        """For below its prefix."""
        realm = self._realm
        return [
            Route("/oauth2.0/authorize", self._authorize, methods=["GET"]),
            backchannel(realm, "/oauth2.0/token", Endpoint.TOKEN, self._token, methods=["GET", "POST"]),
            backchannel(realm, "/v1/nid/me", Endpoint.PROFILE, self._me, methods=["GET", "POST"]),
        ]

    async def _authorize(self, request: Request) -> Response:
        query, client = request.query_params, self._realm.client
        if query.get("client_id") != client.id or query.get("redirect_uri") not in client.redirect_uris:
            return refused(self._realm, "invalid_request: client_id or redirect_uri")
        if query.get("response_type") != "code" or not query.get("state"):
            return back(
                query["redirect_uri"],
                {"error": "invalid_request", "error_description": "response_type, state", "state": query.get("state")},
            )
        return self._consent.answer(request, frozenset(), challenge=None)

    async def _token(self, _: Request, sent: Parameters) -> Response:
        realm = self._realm
        if (sent.get("client_id"), sent.get("client_secret")) != (realm.client.id, realm.client.secret):
            return _error("invalid_request", "wrong client id / client secret pair")
        if sent.get("grant_type") != "authorization_code":
            return _error("unsupported_grant_type", "unsupported grant_type")
        if not sent.get("state"):
            return _error("invalid_request", "state is missing")
        grant = realm.grants.redeem(sent.get("code"))
        if grant is None or sent["state"] != grant.state:
            return _error("invalid_request", _NO_SESSION)
        return JSONResponse(
            {
                "access_token": realm.grants.token(grant),
                "refresh_token": "never-asked-for",
                "token_type": "bearer",
                "expires_in": str(TOKEN_SECONDS),
            }
        )

    async def _me(self, request: Request, _: Parameters) -> Response:
        grant = self._realm.grants.holder(bearer(request))
        if grant is None:
            return JSONResponse({"resultcode": "024", "message": "Authentication failed (인증 실패하였습니다.)"}, 401)
        script = self._realm.script
        response: dict[str, Any] = {} if Trouble.NO_SUBJECT in script else {"id": grant.user.naver_id}
        email, _verified = email_of(self._realm, grant.user)
        if email is not None:
            response["email"] = email
        if Trouble.NO_PROFILE not in script:
            response |= {"nickname": grant.user.nickname, "profile_image": grant.user.picture}
        return JSONResponse({"resultcode": "00", "message": "success", "response": response})


def _error(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description})
