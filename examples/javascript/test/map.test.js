import assert from "node:assert/strict";
import { test } from "node:test";

import { user } from "./given.js";
import { account } from "../src/map.js";

const ada = { userName: "ada@example.com", "name.givenName": "Ada", "name.familyName": "Byron" };

/** Mapped as a new user, or onto the account as it was stored. */
const map = (sent, config = {}, current = null) => account(...user(sent, config, current));

test("a new user is invited, and nobody sees the user yet", () => {
  assert.deepEqual(map(ada), {
    state: "invited",
    listed: false,
    keys: { "emails.value": "ada@example.com" },
    fields: { email: "ada@example.com", full_name: "Ada Byron", department: null, role: "viewer", has_signed_in: false },
  });
});

test("displayName goes before the parts of the name", () => {
  assert.equal(map({ ...ada, displayName: "Lady Lovelace" }).fields.full_name, "Lady Lovelace");
  assert.equal(map({ userName: "ada@example.com" }).fields.full_name, null);
});

test("a userName that is no address is refused", () => {
  for (const userName of ["ada", "ada@", "@example.com", "ada@localhost", "a b@example.com", "ada@@example.com"]) {
    assert.throws(() => map({ userName }), { status: 400, scimType: "invalid-value" }, userName);
  }
});

test("an address of another domain is refused where domains are set", () => {
  const config = { email_domains: ["example.com"] };
  assert.equal(map({ userName: "Ada@Example.COM" }, config).state, "invited");
  assert.throws(() => map({ userName: "ada@example.org" }, config), { status: 400 });
});

test("each customer decides what becomes of the deactivated", () => {
  const signedIn = { ...map(ada), state: "active", listed: true, fields: { ...map(ada).fields, has_signed_in: true } };
  const deactivated = (config, current) => {
    const { state, listed } = map({ ...ada, active: false }, config, current);
    return [state, listed];
  };
  assert.deepEqual(deactivated({}, signedIn), ["suspended", true]);
  assert.deepEqual(deactivated({ deactivated_users: "archive" }, signedIn), ["archived", false]);
  assert.deepEqual(deactivated({}, map(ada)), ["archived", false]);
});

test("a reactivated user is as before, with the role that the product gave", () => {
  const suspended = { ...map(ada), state: "suspended", fields: { has_signed_in: true, role: "editor" } };
  const back = map(ada, {}, suspended);
  assert.equal(back.state, "active");
  assert.equal(back.fields.role, "editor");
});
