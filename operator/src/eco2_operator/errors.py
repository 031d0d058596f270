"""Everything that can go wrong, as one small tree.

Eco2Error
├── InvalidSpec            the resource cannot be understood; only its author can mend it
├── SettingsError          the operator's own settings or credentials are wrong; it does not start
├── SecretError            a key of a Secret could not be read; the other keys are not affected, its last value stays
│   ├── ParameterRefused   the namespace may not read that parameter
│   ├── ParameterMissing   the parameter store has no such parameter
│   ├── ParameterUnusable  the parameter is there, but no value can be taken from it
│   ├── PropertyMissing    the parameter's JSON lacks the property
│   ├── SecretTooLarge     all values together are more than a Secret can hold
│   ├── AccessDenied       the operator may not read or decrypt the parameter
│   ├── CredentialsRefused  the operator has no credentials for the parameter store, or bad ones
│   ├── RegionUnknown      no region is set, or one that does not exist
│   └── ParameterStoreUnavailable  the parameter store did not answer, or asked to come back later
└── ChildError             one child object could not be brought to its wanted state
    ├── NameConflict       an object of that name exists and belongs to somebody else
    ├── FieldConflict      another field manager keeps taking a field back
    ├── NodePortTaken      the requested node port belongs to another Service
    ├── Rejected           the API server refused the object itself (400, 413, 422)
    ├── Forbidden          the operator lacks a permission, or a quota is used up
    ├── KindMissing        the cluster does not serve this kind
    ├── NamespaceGone      the object, or the namespace to put it into, is missing or being deleted
    ├── Unguarded          pods are held back until what guards them is in place
    ├── Conflict           the object changed or was replaced meanwhile
    └── Unavailable        the API server did not answer, or asked to come back later

Each error carries a CamelCase ``reason`` (it becomes a condition's reason), says whether trying again can help
(``retryable``), and has a message that says what is wrong, where, and what to do.
"""

from typing import ClassVar


class Eco2Error(Exception):
    """Root of the tree."""

    reason: ClassVar[str] = "Error"
    retryable: ClassVar[bool] = False


class InvalidSpec(Eco2Error):
    """The resource does not follow its schema. The message lists every fault with its path."""

    reason = "InvalidSpec"


class SettingsError(Eco2Error):
    """An ``ECO2_*`` setting has no usable value."""

    reason = "SettingsError"


class SecretError(Eco2Error):
    """A key of a Secret has no present value. Never holds a value, so that it may be logged and reported.

    Nothing tells us when a parameter changes: all but `ParameterRefused` are worth another look after a while.
    """

    reason = "SecretError"
    retryable = True


class ParameterRefused(SecretError):
    """The parameter lies under none of the prefixes of the namespace (``ssmPrefixes``)."""

    reason = "ParameterRefused"
    retryable = False


class ParameterMissing(SecretError):
    """The parameter store has no parameter of that name in that region."""

    reason = "ParameterMissing"


class ParameterUnusable(SecretError):
    """The parameter's name or value cannot be used: no JSON where a property is asked for, or no valid Unicode."""

    reason = "ParameterUnusable"


class PropertyMissing(SecretError):
    """The parameter is JSON, but lacks the property, or has null there."""

    reason = "PropertyMissing"


class SecretTooLarge(SecretError):
    """The values together are more than the 1 MiB of a Secret: nothing is changed."""

    reason = "SecretTooLarge"


class AccessDenied(SecretError):
    """The operator's role may not read the parameter, or not decrypt it."""

    reason = "AccessDenied"


class CredentialsRefused(SecretError):
    """No credentials were found, or they are expired, unknown or not to be had."""

    reason = "CredentialsRefused"


class RegionUnknown(SecretError):
    """Neither the binding nor the operator names a region, or nobody answers in the one they name."""

    reason = "RegionUnknown"


class ParameterStoreUnavailable(SecretError):
    """No answer in time, throttled, or a fault of the parameter store: the same request may succeed later."""

    reason = "ParameterStoreUnavailable"


class ChildError(Eco2Error):
    """One child could not be brought to its wanted state; the other children are not affected."""

    reason = "ApplyFailed"
    retryable = True
    retry_after: float | None = None
    """Seconds the API server asked to wait before the next attempt."""


class NameConflict(ChildError):
    """An object of the child's name exists and its controller is not our resource."""

    reason = "NameConflict"


class FieldConflict(ChildError):
    """Another manager took the same field back too often; we stopped fighting for it."""

    reason = "FieldConflict"


class NodePortTaken(ChildError):
    """The requested node port is in use by another Service."""

    reason = "NodePortTaken"


class Rejected(ChildError):
    """The API server refuses the object as it is (HTTP 400, 413 or 422)."""

    reason = "Rejected"


class Forbidden(ChildError):
    """HTTP 403: a missing permission or an exhausted quota."""

    reason = "Forbidden"


class KindMissing(ChildError):
    """The API server does not serve the child's group, version or kind."""

    reason = "KindMissing"


class NamespaceGone(ChildError):
    """HTTP 404 of a named object: it, or the namespace it should be put into, does not exist or is terminating."""

    reason = "NamespaceGone"


class Unguarded(ChildError):
    """The first pods are not started: the NetworkPolicy or ServiceAccount they rely on could not be applied."""

    reason = "Unguarded"


class Conflict(ChildError):
    """HTTP 409: the object was changed or replaced between our read and our write."""

    reason = "Conflict"


class Unavailable(ChildError):
    """No answer, HTTP 429 or 5xx: the same request may succeed later."""

    reason = "ApiUnavailable"
