"""Everything that can go wrong, as one small tree.

AuthzError
├── SettingsError      a setting is wrong; the server does not start
├── KeysUnavailable    no verification keys can be had, or what was had cannot be trusted
└── RedisUnavailable   the blacklist did not answer in time, or may be out of date

Each error carries a CamelCase ``reason``, and has a message that says what is wrong and what to do. None of them
holds a token, a key or a password. A refused token is no error: it is a `Decision`.
"""

from typing import ClassVar


class AuthzError(Exception):
    """Root of the tree."""

    reason: ClassVar[str] = "Error"


class SettingsError(AuthzError):
    """A setting has no usable value. The message names it."""

    reason = "SettingsError"


class KeysUnavailable(AuthzError):
    """No keys could be had from their source, or its document is none we trust."""

    reason = "KeysUnavailable"


class RedisUnavailable(AuthzError):
    """Nobody can say whether a token was revoked."""

    reason = "RedisUnavailable"
