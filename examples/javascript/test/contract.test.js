import assert from "node:assert/strict";
import { test } from "node:test";

import { settings, user } from "./given.js";
import { fromAccount, toAccount, told } from "../src/contract.js";
import { problems } from "../src/settings.js";

test("an account crosses with each field under its type, and comes back the same", () => {
  const ada = { state: "active", listed: true, keys: { "emails.value": "a@x.org" }, fields: { a: "text", b: true, c: 7, d: 0.5 } };
  const crossed = toAccount({ ...ada, fields: { ...ada.fields, e: null } });
  assert.deepEqual(crossed.fields.map(({ value }) => value.tag), ["text", "boolean", "integer", "decimal"]);
  assert.deepEqual(fromAccount(crossed), ada);
});

test("to read what the manifest does not name is a mistake that the first test finds", () => {
  const [input] = user({ userName: "ada@example.com" });
  assert.equal(input.get("displayName"), null);
  assert.throws(() => input.get("nickName"), Error);
});

test("the owner is needed to archive, and belongs to the company", () => {
  const pointers = (config) => problems(settings(config)).map(({ pointer }) => pointer);
  assert.deepEqual(pointers({}), []);
  assert.deepEqual(pointers({ deactivated_users: "archive" }), ["/owner"]);
  assert.deepEqual(pointers({ owner: "nobody" }), ["/owner"]);
  assert.deepEqual(pointers({ owner: "a@example.org", email_domains: ["example.com"] }), ["/owner"]);
  assert.deepEqual(pointers({ owner: "a@example.com", email_domains: ["example.com"] }), []);
});

test("of a mistake the log has the place and not the message, and of a refusal nothing", () => {
  const lines = [];
  const run = (thrown) => told(() => { throw thrown; }, (level, line) => lines.push([level, line]));
  const mistake = new TypeError("ada@example.com");
  mistake.stack = "    at user (map.js:7:3)";
  assert.throws(run(mistake), TypeError);
  assert.throws(run({ status: 400, scimType: null, detail: "no" }), { status: 400 });
  assert.deepEqual(lines, [["error", "TypeError\n    at user (map.js:7:3)"]]);
});
