// What a test hands to a function: as the host would, without it.

import { Input, toAccount } from "../src/contract.js";
import { manifest } from "../src/manifest.js";
import { Settings } from "../src/settings.js";

/** The settings of a customer: texts are answered as they are, all else as JSON. */
export function settings(config) {
  return new Settings((pointer) => {
    const value = config[pointer.slice(1)] ?? null;
    return value === null || typeof value === "string" ? value : JSON.stringify(value);
  });
}

/** A user as the identity provider sent it, by the manifest's names, and the settings. */
export function user(sent, config = {}, current = null) {
  const { attributes: names } = manifest.resources.find(({ kind }) => kind === "user");
  const attributes = Object.entries(sent).map(([name, val]) => ({ slot: names.indexOf(name), element: 0, value: { val } }));
  return [new Input(manifest, "user", attributes, current && toAccount(current)), settings(config)];
}
