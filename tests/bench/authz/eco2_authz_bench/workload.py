"""The files of requests that the load generator sends."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eco2_authz_bench import messages
from eco2_authz_bench.messages import check_request, http_request
from eco2_authz_bench.servers import CACHE_ENTRIES
from eco2_authz_bench.tokens import Issuer, Token

USERS: Final = 200
"""Tokens in turn, when they are to be found in caches."""
NEW: Final = 3 * CACHE_ENTRIES
"""Tokens in turn, when none is: so many lie between two uses of one that no cache of that size has kept it."""
REVOKED: Final = 1000
"""Ids on the list of revoked tokens."""


@dataclass(frozen=True)
class Workload:
    """The requests of one algorithm."""

    issuer: Issuer
    known: Path
    new: Path
    invalid: Path
    """Signed by somebody else, or expired."""
    revoked: Path
    http: Path
    """The known ones for Envoy."""
    http_invalid: Path
    probe: Token
    jtis: tuple[str, ...]
    """Ids that have to be revoked."""
    size: int
    """Octets of a CheckRequest."""
    token_size: int


def prepare(algorithm: str, folder: Path) -> Workload:
    """Sign tokens and write the files; takes seconds."""
    folder.mkdir(parents=True)
    issuer = Issuer(algorithm)
    known, new = issuer.tokens(USERS), issuer.tokens(NEW)
    past = int(time.time()) - 3600
    invalid = [issuer.forged(), issuer.token(exp=past), issuer.token(aud="another-api")]
    revoked = issuer.tokens(3)
    checks = _checks(known)
    return Workload(
        issuer=issuer,
        known=messages.write(folder / "known", checks),
        new=messages.write(folder / "new", _checks(new)),
        invalid=messages.write(folder / "invalid", _checks(invalid)),
        revoked=messages.write(folder / "revoked", _checks(revoked)),
        http=messages.write(folder / "http", [http_request(token.text) for token in known]),
        http_invalid=messages.write(folder / "http-invalid", [http_request(token.text) for token in invalid]),
        probe=known[0],
        jtis=tuple(token.jti for token in revoked),
        size=messages.average(checks),
        token_size=len(known[0].text),
    )


def _checks(tokens: Sequence[Token]) -> list[bytes]:
    return [check_request(token.text) for token in tokens]
