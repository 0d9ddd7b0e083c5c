// Between the contract's types and plain objects: nothing here is about one product.

// The places of attributes by their names, made once for each kind: as a call hands them over.
const places = {};

function placesOf(manifest, kind) {
  if (places[kind] === undefined) {
    const { attributes } = manifest.resources.find((resource) => resource.kind === kind);
    places[kind] = Object.fromEntries(attributes.map((name, slot) => [name, slot]));
  }
  return places[kind];
}

/** What the identity provider sent, by the names in the manifest. */
export class Input {
  constructor(manifest, kind, attributes, current) {
    this.kind = kind;
    /** the account as it was stored; null when the user or group is new */
    this.current = fromAccount(current);
    this.slots = placesOf(manifest, kind);
    this.attributes = attributes;
  }

  /** The value of an attribute, the first if there are several; null if there is none. */
  get(name) {
    const slot = this.#slot(name);
    const { attributes } = this;
    // By index: this runs interpreted, and an iterator costs more than what it finds.
    for (let at = 0; at < attributes.length; at++) {
      if (attributes[at].slot === slot) return attributes[at].value.val;
    }
    return null;
  }

  /** All values of a multi-valued attribute such as `emails.value`, in order. */
  all(name) {
    const slot = this.#slot(name);
    return this.attributes.filter((attribute) => attribute.slot === slot).map(({ value }) => value.val);
  }

  #slot(name) {
    const slot = this.slots[name];
    if (slot === undefined) throw new Error("the manifest does not read this attribute");
    return slot;
  }
}

/**
 * A function that the host calls. Without this, a mistake in the plugin stops it with no word of where. The place is logged and
 * not the message, which may hold what the log must not: user data.
 */
export function told(call, log) {
  return (...given) => {
    try {
      return call(...given);
    } catch (error) {
      if (error instanceof Error) log("error", `${error.name}\n${error.stack}`);
      throw error;
    }
  };
}

/** A considered no: the identity provider's administrator reads it, and nothing is written. */
export function refuse(status, scimType, detail) {
  throw { status, scimType, detail };
}

/** An account whose fields are an object: `{ state, listed, keys: { "emails.value": ... }, fields: { email: ... } }`. */
export function fromAccount(account) {
  if (account === null) return null;
  const keys = {};
  for (const { attribute, value } of account.keys) keys[attribute] = value;
  const fields = {};
  for (const { name, value } of account.fields) fields[name] = value.val;
  return { state: account.state, listed: account.listed, keys, fields };
}

/** The way back. */
export function toAccount(account) {
  const keys = [];
  for (const attribute in account.keys) keys.push({ attribute, value: account.keys[attribute] });
  return { state: account.state, listed: account.listed, keys, fields: toFields(account.fields) };
}

/** A task whose arguments are an object. */
export function toTask(task) {
  return { ...task, arguments: toFields(task.arguments) };
}

/** What is null is no field at all. */
function toFields(plain) {
  const fields = [];
  for (const name in plain) {
    const val = plain[name];
    if (val !== null) fields.push({ name, value: { tag: tagOf(val), val } });
  }
  return fields;
}

function tagOf(value) {
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "integer" : "decimal";
  return "text";
}
