import { refuse } from "./contract.js";

const ROLES = ["viewer", "editor"];

/** What is to be done after a change, by the product itself. */
export function tasks({ event, kind, id, before, after }, settings) {
  if (kind !== "user") return [];
  const { email } = (after ?? before).fields;
  const task = (action, destructive = false, more = {}) => ({
    // The same key is never carried out twice for the same change.
    idempotencyKey: `${action}:${id}`,
    action,
    arguments: { email, ...more },
    // A destructive one waits for a person, when too many come at once.
    destructive,
  });
  const leave = () => {
    if (!before.fields.has_signed_in) return task("withdraw-invitation");
    return settings.archives ? task("archive", true, { boards_to: settings.owner }) : task("suspend", true);
  };
  switch (event) {
    case "created":
      return after.state === "invited" ? [task("invite")] : [];
    case "deactivated":
      return [leave()];
    case "reactivated":
      return [after.state === "invited" ? task("invite") : task("restore")];
    case "deleted":
      return [task("delete", true)];
    default:
      return [];
  }
}

/** The product reports something of one account: how the account stands afterwards. */
export function signalled(name, payload, current) {
  switch (name) {
    case "signed-in": {
      const fields = { ...current.fields, has_signed_in: true };
      if (current.state !== "invited") return { ...current, fields };
      return { ...current, state: "active", listed: true, fields };
    }
    case "role-changed":
      if (!ROLES.includes(payload?.role)) refuse(400, "invalid-value", "role must be `viewer` or `editor`");
      return { ...current, fields: { ...current.fields, role: payload.role } };
    default:
      return refuse(400, "invalid-value", "the signal must be `signed-in` or `role-changed`");
  }
}
