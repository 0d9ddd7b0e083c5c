// The plugin of Loft, a whiteboard for teams. What its guide promises:
//
// - A user's `userName` is the e-mail address, and nobody has an account with an address of another company.
// - A new user is invited by e-mail and becomes active with the first sign-in. Until then, nobody sees the user.
// - Who is deactivated is suspended (keeps the seat and the boards) or archived (gives the seat back, and the boards to the
//   workspace's owner): each customer decides. An invitation that nobody has taken up is withdrawn.
// - Groups are teams, one to one.
//
// This file is all that the host calls, under the names that the contract (wit/v2/plugin.wit) gives. What a user becomes is in
// map.js, what follows from a change in lifecycle.js: both know nothing of the host, and are tested by Node.

import * as config from "muster:plugin/config@0.2.0";
import * as log from "muster:plugin/log@0.2.0";

import { Input, fromAccount, toAccount, toTask, told } from "./contract.js";
import { signalled, tasks } from "./lifecycle.js";
import { manifest } from "./manifest.js";
import { account } from "./map.js";
import { Settings, problems } from "./settings.js";

// Read once: an instance that is kept serves one customer with one configuration. Nothing else may outlive a call: what one leaves behind
// would be the next one's.
let read = null;
const settings = () => (read ??= new Settings(config.get));

const called = (call) => told(call, log.write);

export const about = {
  describe: () => manifest,

  checkConfig: called(() => {
    const found = problems(settings());
    if (found.length > 0) throw found;
  }),

  hostSettings: () => [],
};

export const mapping = {
  toAccount: called((ctx, kind, id, attributes, current) => {
    const input = new Input(manifest, kind, attributes, current);
    return toAccount(account(input, settings()));
  }),
};

export const lifecycle = {
  plan: called((ctx, change) => {
    const before = fromAccount(change.before);
    const after = fromAccount(change.after);
    return tasks({ ...change, before, after }, settings()).map(toTask);
  }),

  onSignal: called((ctx, id, name, payload, current) =>
    toAccount(signalled(name, JSON.parse(payload), fromAccount(current))),
  ),
};
