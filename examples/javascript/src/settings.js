/** What a customer can set. The host checks it against this before it is saved. */
export const configSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  additionalProperties: false,
  properties: {
    email_domains: {
      type: "array",
      items: { type: "string", pattern: "^[a-z0-9.-]{1,253}$" },
      maxItems: 100,
      description: "Whose addresses may have an account; empty: all.",
    },
    default_role: {
      enum: ["viewer", "editor"],
      default: "viewer",
      description: "The role of a new user.",
    },
    deactivated_users: {
      enum: ["suspend", "archive"],
      default: "suspend",
      description: "suspend: keeps seat and boards. archive: gives both back.",
    },
    owner: {
      type: "string",
      maxLength: 254,
      description: "The address of who gets the boards of archived users.",
    },
  },
};

/** A customer's settings, read at once; `get` answers a JSON pointer with a string's text, or else with JSON. */
export class Settings {
  constructor(get) {
    this.emailDomains = JSON.parse(get("/email_domains") ?? "[]");
    this.defaultRole = get("/default_role") ?? "viewer";
    this.archives = get("/deactivated_users") === "archive";
    this.owner = get("/owner") ?? null;
  }
}

/** What is wrong with settings that the schema accepts. */
export function problems(settings) {
  const { archives, owner, emailDomains } = settings;
  if (owner === null) {
    return archives ? [{ pointer: "/owner", message: "is needed when deactivated users are archived" }] : [];
  }
  if (!isEmail(owner)) return [{ pointer: "/owner", message: "is not an e-mail address" }];
  if (!isOf(emailDomains, owner)) return [{ pointer: "/owner", message: "is not of one of the email_domains" }];
  return [];
}

/** Something, an `@`, and a domain of two labels or more, without blanks. */
export function isEmail(text) {
  return text.length <= 254 && /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(text);
}

/** Whether an address is of one of these domains; without any, all are. */
export function isOf(domains, email) {
  return domains.length === 0 || domains.includes(email.split("@")[1].toLowerCase());
}
