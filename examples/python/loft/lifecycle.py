"""What follows from a change, and from what the product reports."""

from dataclasses import replace

from model import Account, Change, Refused, Task

from .settings import Settings

ROLES = ("viewer", "editor")


def tasks(change: Change, settings: Settings) -> list[Task]:
    """What is to be done after a change, by the product itself."""
    if change.kind != "user":
        return []
    before, after = change.before, change.after
    email = (after or before).fields["email"]

    def task(action, destructive=False, **more):
        return Task(action, change.id, {"email": email, **more}, destructive)

    def leave():
        if not before.fields["has_signed_in"]:
            return task("withdraw-invitation")
        if settings.archives:
            return task("archive", destructive=True, boards_to=settings.owner)
        return task("suspend", destructive=True)

    match change.event:
        case "created":
            return [task("invite")] if after.state == "invited" else []
        case "deactivated":
            return [leave()]
        case "reactivated":
            return [task("invite" if after.state == "invited" else "restore")]
        case "deleted":
            return [task("delete", destructive=True)]
        case _:
            return []


def signalled(name: str, payload, current: Account) -> Account:
    """The product reports something of one account: how the account stands afterwards."""
    match name:
        case "signed-in":
            known = replace(current, fields={**current.fields, "has_signed_in": True})
            return replace(known, state="active", listed=True) if current.state == "invited" else known
        case "role-changed":
            role = payload.get("role") if isinstance(payload, dict) else None
            if role not in ROLES:
                raise Refused("role must be `viewer` or `editor`")
            return replace(current, fields={**current.fields, "role": role})
        case _:
            raise Refused("the signal must be `signed-in` or `role-changed`")
