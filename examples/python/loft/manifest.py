"""What the plugin is and wants."""

from .settings import CONFIG_SCHEMA

# As SCIM writes an attribute of an extension.
DEPARTMENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"

MANIFEST = {
    "name": "loft",
    "version": "0.1.0",
    "base_path": "/scim/v2",
    "resources": {
        "user": {
            # Only these are handed to the plugin; their places in this list are the contract's slots.
            "attributes": [
                "userName",
                "displayName",
                "name.formatted",
                "name.givenName",
                "name.familyName",
                "active",
                DEPARTMENT,
            ],
            # Only these are stored: what the mapping reads has to be among them, or it is gone with the next change.
            "retained": ["userName", "displayName", "name", "active", DEPARTMENT],
            "plans_on": ["created", "deactivated", "reactivated", "deleted"],
        },
        "group": {"attributes": ["displayName"], "retained": ["displayName"], "plans_on": []},
    },
    "states": ["invited", "active", "suspended", "archived"],
    "adoption": "link",
    "config_schema": CONFIG_SCHEMA,
    # To start Python costs much more than to call it.
    "calls_per_instance": 1000,
}
