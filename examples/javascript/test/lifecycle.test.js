import assert from "node:assert/strict";
import { test } from "node:test";

import { settings } from "./given.js";
import { signalled, tasks } from "../src/lifecycle.js";

const account = (state, hasSignedIn = false) => ({
  state,
  listed: state === "active",
  keys: {},
  fields: { email: "ada@example.com", role: "viewer", has_signed_in: hasSignedIn },
});

/** The actions that follow. */
const follows = (event, before, after, config = {}) =>
  tasks({ event, kind: "user", id: "42", before, after }, settings(config)).map(({ action }) => action);

test("a new user is invited, unless created deactivated", () => {
  assert.deepEqual(follows("created", null, account("invited")), ["invite"]);
  assert.deepEqual(follows("created", null, account("archived")), []);
});

test("an invitation that nobody has taken up is withdrawn, and made again", () => {
  assert.deepEqual(follows("deactivated", account("invited"), account("archived")), ["withdraw-invitation"]);
  assert.deepEqual(follows("reactivated", account("archived"), account("invited")), ["invite"]);
});

test("who has signed in is suspended and restored", () => {
  assert.deepEqual(follows("deactivated", account("active", true), account("suspended", true)), ["suspend"]);
  assert.deepEqual(follows("reactivated", account("suspended", true), account("active", true)), ["restore"]);
});

test("the boards of an archived user go to the owner, and a person can stop that", () => {
  const change = { event: "deactivated", kind: "user", id: "42", before: account("active", true), after: account("archived", true) };
  const config = { deactivated_users: "archive", owner: "boss@example.com" };
  assert.deepEqual(tasks(change, settings(config)), [
    {
      idempotencyKey: "archive:42",
      action: "archive",
      arguments: { email: "ada@example.com", boards_to: "boss@example.com" },
      destructive: true,
    },
  ]);
});

test("a deleted user is deleted, and nothing follows from a group", () => {
  assert.deepEqual(follows("deleted", account("active", true), null), ["delete"]);
  const team = { event: "created", kind: "group", id: "7", before: null, after: { state: "active", fields: {} } };
  assert.deepEqual(tasks(team, settings({})), []);
});

test("the first sign-in makes an invited user active, and a suspended one stays suspended", () => {
  const { state, listed, fields } = signalled("signed-in", {}, account("invited"));
  assert.deepEqual([state, listed, fields.has_signed_in], ["active", true, true]);
  assert.equal(signalled("signed-in", {}, account("suspended")).state, "suspended");
});

test("the product may change a role to one that there is", () => {
  assert.equal(signalled("role-changed", { role: "editor" }, account("active")).fields.role, "editor");
  assert.throws(() => signalled("role-changed", { role: "king" }, account("active")), { status: 400 });
  assert.throws(() => signalled("left", null, account("active")), { status: 400 });
});
