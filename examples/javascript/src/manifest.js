import { configSchema } from "./settings.js";

/** As SCIM writes an attribute of an extension. */
export const DEPARTMENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

const user = {
  kind: "user",
  // Only these are handed to the plugin; their places in this list are the contract's slots.
  attributes: [
    "userName",
    "displayName",
    "name.formatted",
    "name.givenName",
    "name.familyName",
    "active",
    DEPARTMENT,
  ],
  // Only these are stored: what the mapping reads has to be among them, or it is gone with the next change.
  retained: ["userName", "displayName", "name", "active", DEPARTMENT],
  plansOn: { created: true, deactivated: true, reactivated: true, deleted: true },
};

const group = { kind: "group", attributes: ["displayName"], retained: ["displayName"], plansOn: {} };

/** What the plugin is and wants. */
export const manifest = {
  name: "loft",
  version: "0.1.0",
  basePath: "/scim/v2",
  resources: [user, group],
  states: ["invited", "active", "suspended", "archived"],
  adoption: "link",
  configSchema: JSON.stringify(configSchema),
  wants: [],
  // To start JavaScript costs more than to call it.
  callsPerInstance: 1000,
};
