import { refuse } from "./contract.js";
import { DEPARTMENT } from "./manifest.js";
import { isEmail, isOf } from "./settings.js";

/** The account that a user or group becomes. Called again with each change, with the account as it was stored. */
export function account(input, settings) {
  return input.kind === "user" ? user(input, settings) : team(input);
}

function team(input) {
  return { state: "active", listed: true, keys: {}, fields: { name: input.get("displayName") } };
}

function user(input, settings) {
  const email = input.get("userName") ?? "";
  if (!isEmail(email)) refuse(400, "invalid-value", "userName must be an e-mail address");
  if (!isOf(settings.emailDomains, email)) {
    refuse(400, "invalid-value", "userName must be an address of one of this workspace's domains");
  }

  const known = input.current?.fields ?? {};
  const hasSignedIn = known.has_signed_in ?? false;
  const state = stateOf(input.get("active") ?? true, hasSignedIn, settings);
  return {
    state,
    listed: state === "active" || state === "suspended",
    // So that a lookup by address finds the user as well.
    keys: { "emails.value": email },
    fields: {
      email,
      full_name: fullName(input),
      department: input.get(DEPARTMENT),
      // The product's own decisions: once made, the identity provider does not change them.
      role: known.role ?? settings.defaultRole,
      has_signed_in: hasSignedIn,
    },
  };
}

function stateOf(isActive, hasSignedIn, settings) {
  if (isActive) return hasSignedIn ? "active" : "invited";
  // Who has never signed in has nothing that could be kept.
  return hasSignedIn && !settings.archives ? "suspended" : "archived";
}

function fullName(input) {
  const parts = [input.get("name.givenName"), input.get("name.familyName")].filter(Boolean);
  return input.get("displayName") || input.get("name.formatted") || parts.join(" ") || null;
}
