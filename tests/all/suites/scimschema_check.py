"""Holds a server's answers against scimschema: `scimschema_check.py BASE` with the header in SCIM_HEADER.

Every announced schema is loaded as a definition, then every kind of answer is validated against the core definitions that scimschema
brings and the extensions that the server announces. Prints one line a check; ends with 1 if one failed.
"""

import json
import os
import sys
import urllib.error
import urllib.request

from scimschema import core_schemas
from scimschema._model.model import Model
from scimschema._model.schema_response import ScimResponse

base = sys.argv[1]
failed = 0


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": os.environ["SCIM_HEADER"], "Content-Type": "application/scim+json"}
    request = urllib.request.Request(base + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def check(name, act):
    global failed
    try:
        result = act()
        print("ok", name)
        return result
    except Exception as error:
        failed += 1
        print("FAILED", name, error)
        return None


def definition(schema):
    # A definition is data here, not a resource.
    return Model({name: value for name, value in schema.items() if name != "schemas"})


# Three definitions that scimschema brings are not those of the RFC, and are put right here. The enterprise extension is among the core
# schemas, so that a user who has both is refused; errors have the URN of a draft; and a resource type must have
# an extension, and only one (RFC 7643 §6: a list, which is optional).
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
RESOURCE_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
cores = {urn: model for urn, model in core_schemas.schema.items() if urn != ENTERPRISE}
cores[ERROR] = cores.pop("urn:scim:api:messages:2.0:Error")
with open(os.path.join(os.path.dirname(core_schemas.__file__), "SCIM Core2 resourcetype spec.json")) as file:
    resource_type = json.load(file)
for attribute in resource_type["attributes"]:
    if attribute["name"] == "schemaExtensions":
        attribute.update(multiValued=True, required=False)
cores[RESOURCE_TYPE] = Model(resource_type)
extensions = {ENTERPRISE: core_schemas.schema[ENTERPRISE]}
for schema in ask("GET", "/Schemas")["Resources"]:
    model = check("definition " + schema["id"], lambda: definition(schema))
    if schema["id"] not in core_schemas.schema:
        extensions[schema["id"]] = model
    one = ask("GET", "/Schemas/" + schema["id"])
    check("single definition " + schema["id"], lambda: definition(one))


def valid(name, resource):
    assert resource["schemas"], resource
    check(name, lambda: ScimResponse(resource, cores, extensions).validate())


CORE = "urn:ietf:params:scim:schemas:core:2.0:"
user = {
    "schemas": [CORE + "User", ENTERPRISE],
    "userName": "bjensen@example.com",
    "externalId": "701984",
    "name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara", "middleName": "Jane"},
    "displayName": "Babs Jensen",
    "nickName": "Babs",
    "profileUrl": "https://login.example.com/bjensen",
    "emails": [
        {"value": "bjensen@example.com", "type": "work", "primary": True},
        {"value": "babs@jensen.example.org", "type": "home"},
    ],
    "addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza", "locality": "Hollywood", "country": "US", "primary": True}],
    "phoneNumbers": [{"value": "tel:555-555-5555", "type": "work"}],
    "ims": [{"value": "someaimhandle", "type": "aim"}],
    "photos": [{"value": "https://photos.example.com/profilephoto/72930000000Ccne/F", "type": "photo"}],
    "userType": "Employee",
    "title": "Tour Guide",
    "preferredLanguage": "en-US",
    "locale": "en-US",
    "timezone": "America/Los_Angeles",
    "active": True,
    ENTERPRISE: {"employeeNumber": "701984", "costCenter": "4130", "department": "Tour Operations"},
}
made = ask("POST", "/Users", user)
valid("the answer to a POST of a user", dict(made))
boss = made["id"]
second = dict(user, userName="second@example.com")
second[ENTERPRISE] = {"manager": {"value": boss}}
other = ask("POST", "/Users", second)
valid("a user with a manager", dict(other))
group = ask("POST", "/Groups", {"schemas": [CORE + "Group"], "displayName": "Tour Guides", "members": [{"value": boss}, {"value": other["id"]}]})
valid("the answer to a POST of a group", dict(group))
valid("a user", ask("GET", "/Users/" + boss))
valid("a group", ask("GET", "/Groups/" + group["id"]))
change = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "title", "value": "Guide"}]}
valid("the answer to a PATCH", ask("PATCH", "/Users/" + boss, change))
valid("the answer to a PUT", ask("PUT", "/Users/" + boss, user))
for kind in ["Users", "Groups"]:
    for resource in ask("GET", "/" + kind)["Resources"]:
        valid("one of the list of " + kind, resource)
for found in ask("POST", "/.search", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]})["Resources"]:
    valid("one of the search at the root", found)
valid("the service provider's configuration", ask("GET", "/ServiceProviderConfig"))
for kind in ["User", "Group"]:
    valid("the resource type " + kind, ask("GET", "/ResourceTypes/" + kind))
valid("an error", ask("GET", "/Users/none"))
valid("a refusal", ask("POST", "/Users", {"schemas": [CORE + "User"]}))
sys.exit(1 if failed else 0)
