"""The keys that sign ID tokens."""

from typing import Any, Final

from joserfc import jws
from joserfc.jwk import RSAKey

ALGORITHM: Final = "RS256"
_BITS: Final = 2048


class Keys:
    """One that signs, and those that are published."""

    def __init__(self) -> None:
        self._signing = _make()
        self._published = [self._signing]
        self._stranger: RSAKey | None = None

    @property
    def kid(self) -> str:
        """Name of the key that signs."""
        return self._signing.kid or ""

    def rotate(self) -> None:
        """Sign with a new key from now on; the one before stays published."""
        self._signing = _make()
        self._published = [self._signing, *self._published[:1]]

    def sign(self, payload: bytes, *, kid: str | None = None, stranger: bool = False) -> str:
        """A JWS in the compact form.

        Args:
            kid: the name to give the key; "": none.
            stranger: sign with a key that is not published.
        """
        if stranger and self._stranger is None:
            self._stranger = _make()
        key = self._stranger if stranger and self._stranger else self._signing
        name = (key.kid or "") if kid is None else kid
        header = {"alg": ALGORITHM, "typ": "JWT", **({"kid": name} if name else {})}
        return jws.serialize_compact(header, payload, key, [ALGORITHM])

    def published(self) -> dict[str, Any]:
        """The key set, and among it a key that is not for signatures, as a client has to expect."""
        keys = [key.as_dict(private=False, use="sig", alg=ALGORITHM) for key in self._published]
        elliptic = {"kty": "EC", "crv": "P-256", "kid": "not-for-us", "use": "enc", "x": "AA", "y": "AA"}
        return {"keys": [elliptic, *keys]}


def _make() -> RSAKey:
    key = RSAKey.generate_key(_BITS, private=True)
    key.ensure_kid()
    return key
