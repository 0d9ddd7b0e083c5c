"""The plugin of Loft, a whiteboard for teams. What its guide promises:

- A user's `userName` is the e-mail address, and nobody has an account with an address of another company.
- A new user is invited by e-mail and becomes active with the first sign-in. Until then, nobody sees the user.
- Who is deactivated is suspended (keeps the seat and the boards) or archived (gives the seat back, and the boards to the
  workspace's owner): each customer decides. An invitation that nobody has taken up is withdrawn.
- Groups are teams, one to one.

This file is all that the host calls, under the names that the contract (wit/v2/plugin.wit) gives; `wit_world` is generated from
it. What a user becomes is in loft/mapping.py, what follows from a change in loft/lifecycle.py: both know nothing of the host,
and are tested by any Python.
"""

import json
from functools import cache

import contract
from componentize_py_types import Err
from loft import lifecycle, mapping
from loft.manifest import MANIFEST
from loft.settings import Settings, problems
from wit_world import exports
from wit_world.exports import about
from wit_world.imports import config


@cache
def settings() -> Settings:
    """Read once: an instance that is kept serves one customer with one configuration. Nothing else may outlive a call: what one leaves
    behind would be the next one's."""
    return Settings(config.get)


class About(exports.About):
    def describe(self):
        return contract.manifest(MANIFEST)

    @contract.called
    def check_config(self, config):
        found = problems(settings())
        if found:
            raise Err([about.Problem(pointer, message) for pointer, message in found])

    def host_settings(self, config):
        return []


class Mapping(exports.Mapping):
    @contract.called
    def to_account(self, ctx, kind, id, attributes, current):
        given = contract.given(MANIFEST, kind, attributes, current)
        return contract.to_account(mapping.account(given, settings()))


class Lifecycle(exports.Lifecycle):
    @contract.called
    def plan(self, ctx, change):
        tasks = lifecycle.tasks(contract.change(change), settings())
        return [contract.task(task) for task in tasks]

    @contract.called
    def on_signal(self, ctx, id, name, payload, current):
        account = lifecycle.signalled(name, json.loads(payload), contract.from_account(current))
        return contract.to_account(account)
