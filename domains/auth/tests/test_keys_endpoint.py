"""The published keys over HTTP."""

import json

import httpx2

from eco2_auth.keys.bundle import read_bundle


async def test_keys_are_published_at_the_root(auth: httpx2.AsyncClient, pems: tuple[str, str, str]) -> None:
    response = await auth.get("/.well-known/jwks.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.json() == {"keys": [read_bundle(pems[0])[0].public_jwk]}
    assert not {"d", "p", "q", "dp", "dq", "qi"} & json.loads(response.text)["keys"][0].keys()


async def test_who_has_them_need_not_read_them_again(auth: httpx2.AsyncClient) -> None:
    etag = (await auth.get("/.well-known/jwks.json")).headers["etag"]
    again = await auth.get("/.well-known/jwks.json", headers={"if-none-match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    other = await auth.get("/.well-known/jwks.json", headers={"if-none-match": '"other"'})
    assert other.status_code == 200
