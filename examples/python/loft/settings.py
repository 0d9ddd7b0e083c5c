"""What a customer can set."""

import json
import re

# The host checks a configuration against this before it is saved.
CONFIG_SCHEMA = """{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "email_domains": {
      "type": "array",
      "items": { "type": "string", "pattern": "^[a-z0-9.-]{1,253}$" },
      "maxItems": 100,
      "description": "Whose addresses may have an account; empty: all."
    },
    "default_role": {
      "enum": ["viewer", "editor"],
      "default": "viewer",
      "description": "The role of a new user."
    },
    "deactivated_users": {
      "enum": ["suspend", "archive"],
      "default": "suspend",
      "description": "suspend: keeps seat and boards. archive: gives both back."
    },
    "owner": {
      "type": "string",
      "maxLength": 254,
      "description": "The address of who gets the boards of archived users."
    }
  }
}"""

# Something, an `@`, and a domain of two labels or more, without blanks.
EMAIL = re.compile(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)+")


class Settings:
    """A customer's settings, read at once; `get` answers a JSON pointer with a string's text, or else with JSON."""

    def __init__(self, get):
        self.email_domains: list[str] = json.loads(get("/email_domains") or "[]")
        self.default_role: str = get("/default_role") or "viewer"
        self.archives: bool = get("/deactivated_users") == "archive"
        self.owner: str | None = get("/owner")


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with settings that the schema accepts: where, and what."""
    owner = settings.owner
    if owner is None:
        return [("/owner", "is needed when deactivated users are archived")] if settings.archives else []
    if not is_email(owner):
        return [("/owner", "is not an e-mail address")]
    if not is_of(settings.email_domains, owner):
        return [("/owner", "is not of one of the email_domains")]
    return []


def is_email(text: str) -> bool:
    return len(text) <= 254 and EMAIL.fullmatch(text) is not None


def is_of(domains: list[str], email: str) -> bool:
    """Whether an address is of one of these domains; without any, all are."""
    return not domains or email.split("@")[1].lower() in domains
