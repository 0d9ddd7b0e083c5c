"""Between the contract's types and those of model.py. Nothing in the two is about one product."""

from functools import wraps

from componentize_py_types import Err
from model import Account, Change, Given, Refused, Task
from wit_world.exports import about
from wit_world.imports import log, types

# `name` of an enumeration's member, looked up once.
KINDS = {types.Kind.USER: "user", types.Kind.GROUP: "group"}
EVENTS = {event: event.name.lower() for event in types.Event}


def manifest(plain: dict) -> about.Manifest:
    resources = [
        about.ResourcePlan(kind, plan["attributes"], plan["retained"], events(plan["plans_on"]))
        for kind, name in KINDS.items()
        if (plan := plain["resources"].get(name))
    ]
    return about.Manifest(
        name=plain["name"],
        version=plain["version"],
        base_path=plain["base_path"],
        resources=resources,
        states=plain["states"],
        adoption=about.AdoptionPolicy[plain["adoption"].upper()],
        config_schema=plain["config_schema"],
        wants=[],
        calls_per_instance=plain["calls_per_instance"],
    )


def events(names: list[str]) -> types.Events:
    flags = types.Events(0)
    for name in names:
        flags |= types.Events[name.upper()]
    return flags


def given(plain: dict, kind: types.Kind, attributes: list[types.Attribute], current: types.Account | None) -> Given:
    kind = KINDS[kind]
    names = plain["resources"][kind]["attributes"]
    values = {name: [] for name in names}
    for attribute in attributes:
        values[names[attribute.slot]].append(attribute.value.value)
    return Given(kind, values, from_account(current))


def from_account(account: types.Account | None) -> Account | None:
    if account is None:
        return None
    return Account(
        state=account.state,
        listed=account.listed,
        keys={key.attribute: key.value for key in account.keys},
        fields={field.name: field.value.value for field in account.fields},
    )


def to_account(account: Account) -> types.Account:
    keys = [types.Key(attribute, value) for attribute, value in account.keys.items()]
    return types.Account(account.state, account.listed, keys, fields(account.fields))


def change(change) -> Change:
    return Change(EVENTS[change.event], KINDS[change.kind], change.id, from_account(change.before), from_account(change.after))


def task(task: Task) -> types.Task:
    return types.Task(f"{task.action}:{task.id}", task.action, fields(task.arguments), task.destructive)


def fields(plain: dict) -> list[types.Field]:
    """What is None is no field at all."""
    return [types.Field(name, value(given)) for name, given in plain.items() if given is not None]


def value(plain: bool | int | float | str) -> types.Value:
    if isinstance(plain, bool):
        return types.Value_Boolean(plain)
    if isinstance(plain, int):
        return types.Value_Integer(plain)
    if isinstance(plain, float):
        return types.Value_Decimal(plain)
    return types.Value_Text(plain)


def called(call):
    """A function that the host calls, which may raise Refused.

    Of any other exception the place is logged: without this, a mistake in the plugin stops it with no word of where. Its message
    is not, because it may hold what the log must not: user data.
    """

    @wraps(call)
    def told(*given):
        try:
            return call(*given)
        except Refused as refused:
            raise Err(types.Rejection(refused.status, types.ScimType[refused.scim_type], refused.detail))
        except Err:
            raise
        except Exception as mistake:
            log.write(log.Level.ERROR, f"{type(mistake).__name__} at {place(mistake)}")
            raise

    return told


def place(mistake: Exception) -> str:
    # Not `traceback`, which would read the source: in the component there are no files.
    step = mistake.__traceback__
    while step.tb_next:
        step = step.tb_next
    code = step.tb_frame.f_code
    return f"{code.co_filename}:{step.tb_lineno} in {code.co_name}"
