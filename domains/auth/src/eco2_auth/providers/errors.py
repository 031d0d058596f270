"""What can go wrong with a provider.

Reasons are sentences of this package: nothing a provider or a browser sent gets into them, since it may contain a code,
a token or a secret (Kakao repeats the code in its errors). They may be logged.
"""

import re
from typing import Final

ACCESS_DENIED: Final = "access_denied"
_KAKAO_CODE: Final = re.compile(r"KOE[0-9]{3}")
_TEMPORARY: Final = frozenset({"server_error", "temporarily_unavailable"})
KNOWN_ERRORS: Final = frozenset(
    {
        ACCESS_DENIED,
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "redirect_uri_mismatch",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        *_TEMPORARY,
    }
)
"""Error codes that may be repeated: of RFC 6749 sections 4.1.2.1 and 5.2, and Google's for redirect URIs."""


class ProviderError(Exception):
    """A login does not come about.

    Attributes:
        provider: its name.
        reason: why, without anything secret.
        retryable: whether the same login may succeed a little later.
    """

    retryable: bool = False

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason


class ProviderDenied(ProviderError):
    """The user did not agree."""


class ProviderRefused(ProviderError):
    """The provider does not accept what it was sent: an old code, or our own configuration."""


class ProviderFailed(ProviderError):
    """The provider is down, slow, busy or out of reach."""

    retryable = True


class ProviderAnswerInvalid(ProviderError):
    """The provider's answer, or what claims to be one, must not be believed."""


def refusal(provider: str, error: str, detail: object = None) -> ProviderError:
    """What the `error` of a callback or of a token answer means (RFC 6749 sections 4.1.2.1 and 5.2).

    Args:
        detail: an error code of Kakao's, if there is one.
    """
    if error == ACCESS_DENIED:
        return ProviderDenied(provider, "the user did not agree")
    if error in _TEMPORARY:
        return ProviderFailed(provider, f"it answered {error}")
    code = f" ({detail})" if isinstance(detail, str) and _KAKAO_CODE.fullmatch(detail) else ""
    return ProviderRefused(provider, f"it answered {error if error in KNOWN_ERRORS else 'an unknown error'}{code}")
