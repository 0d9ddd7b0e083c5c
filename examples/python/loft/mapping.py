"""The account that a user or group becomes."""

from model import Account, Given, Refused

from .manifest import DEPARTMENT
from .settings import Settings, is_email, is_of


def account(given: Given, settings: Settings) -> Account:
    """Called again with each change, with the account as it was stored."""
    return user(given, settings) if given.kind == "user" else team(given)


def team(given: Given) -> Account:
    return Account("active", fields={"name": given.get("displayName")})


def user(given: Given, settings: Settings) -> Account:
    email = given.get("userName", "")
    if not is_email(email):
        raise Refused("userName must be an e-mail address")
    if not is_of(settings.email_domains, email):
        raise Refused("userName must be an address of one of this workspace's domains")

    known = given.current.fields if given.current else {}
    has_signed_in = known.get("has_signed_in", False)
    state = state_of(given.get("active", True), has_signed_in, settings)
    return Account(
        state,
        listed=state in ("active", "suspended"),
        # So that a lookup by address finds the user as well.
        keys={"emails.value": email},
        fields={
            "email": email,
            "full_name": full_name(given),
            "department": given.get(DEPARTMENT),
            # The product's own decisions: once made, the identity provider does not change them.
            "role": known.get("role") or settings.default_role,
            "has_signed_in": has_signed_in,
        },
    )


def state_of(is_active: bool, has_signed_in: bool, settings: Settings) -> str:
    if is_active:
        return "active" if has_signed_in else "invited"
    # Who has never signed in has nothing that could be kept.
    return "suspended" if has_signed_in and not settings.archives else "archived"


def full_name(given: Given) -> str | None:
    parts = [given.get("name.givenName"), given.get("name.familyName")]
    joined = " ".join(part for part in parts if part)
    return given.get("displayName") or given.get("name.formatted") or joined or None
