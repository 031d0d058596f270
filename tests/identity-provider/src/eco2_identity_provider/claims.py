"""What is said of a user, spoilt as the script says."""

from eco2_identity_provider.realm import Realm
from eco2_identity_provider.troubles import Trouble
from eco2_identity_provider.users import USERS, User


def subject_of(realm: Realm, user: User) -> User:
    """Whose user info is given: the user's own, or by mistake another one's."""
    if Trouble.OTHER_USER not in realm.script:
        return user
    return next(other for other in USERS.values() if other != user)


def email_of(realm: Realm, user: User) -> tuple[str | None, bool]:
    """The address and whether it is verified."""
    if Trouble.NO_EMAIL in realm.script:
        return None, False
    return user.email, user.email_verified and Trouble.UNVERIFIED_EMAIL not in realm.script
