"""What the functions of this plugin take and answer."""

from dataclasses import dataclass, field


@dataclass
class Account:
    """The product's view of a user or group."""

    state: str
    # False: the product shows it nowhere yet, not even as a member of its groups.
    listed: bool = True
    # Names under which the record is found besides `userName`: SCIM path to value.
    keys: dict = field(default_factory=dict)
    fields: dict = field(default_factory=dict)


@dataclass
class Given:
    """What the identity provider sent: the values of each attribute that the manifest names, and of no other."""

    kind: str
    values: dict
    # The account as it was stored; None when the user or group is new.
    current: Account | None = None

    def get(self, name, default=None):
        """The value of an attribute, the first if there are several."""
        values = self.values[name]
        return values[0] if values else default


@dataclass
class Change:
    """What happened to one user or group."""

    event: str
    kind: str
    id: str
    before: Account | None
    after: Account | None


@dataclass
class Task:
    """What the product is to do."""

    action: str
    id: str
    arguments: dict
    # Waits for a person, when too many come at once.
    destructive: bool = False


class Refused(Exception):
    """A considered no: the identity provider's administrator reads it, and nothing is written."""

    def __init__(self, detail: str, status: int = 400, scim_type: str = "INVALID_VALUE"):
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.scim_type = scim_type
