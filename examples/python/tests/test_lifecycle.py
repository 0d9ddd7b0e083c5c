from unittest import TestCase

from loft.lifecycle import signalled, tasks
from model import Account, Change, Refused, Task

from . import settings


def account(state, has_signed_in=False):
    fields = {"email": "ada@example.com", "role": "viewer", "has_signed_in": has_signed_in}
    return Account(state, listed=state == "active", fields=fields)


def follow(event, before, after, **config):
    return tasks(Change(event, "user", "42", before, after), settings(**config))


def actions(*change):
    return [task.action for task in follow(*change)]


class Lifecycle(TestCase):
    def test_a_new_user_is_invited_unless_created_deactivated(self):
        self.assertEqual(actions("created", None, account("invited")), ["invite"])
        self.assertEqual(actions("created", None, account("archived")), [])

    def test_an_invitation_that_nobody_has_taken_up_is_withdrawn_and_made_again(self):
        self.assertEqual(actions("deactivated", account("invited"), account("archived")), ["withdraw-invitation"])
        self.assertEqual(actions("reactivated", account("archived"), account("invited")), ["invite"])

    def test_who_has_signed_in_is_suspended_and_restored(self):
        self.assertEqual(actions("deactivated", account("active", True), account("suspended", True)), ["suspend"])
        self.assertEqual(actions("reactivated", account("suspended", True), account("active", True)), ["restore"])

    def test_the_boards_of_an_archived_user_go_to_the_owner_and_a_person_can_stop_that(self):
        change = ("deactivated", account("active", True), account("archived", True))
        arguments = {"email": "ada@example.com", "boards_to": "boss@example.com"}
        self.assertEqual(
            follow(*change, deactivated_users="archive", owner="boss@example.com"),
            [Task("archive", "42", arguments, destructive=True)],
        )

    def test_a_deleted_user_is_deleted_and_nothing_follows_from_a_group(self):
        self.assertEqual(actions("deleted", account("active", True), None), ["delete"])
        team = Account("active", fields={"name": "Engines"})
        self.assertEqual(tasks(Change("created", "group", "7", None, team), settings()), [])

    def test_the_first_sign_in_makes_an_invited_user_active_and_a_suspended_one_stays_suspended(self):
        active = signalled("signed-in", {}, account("invited"))
        self.assertEqual((active.state, active.listed, active.fields["has_signed_in"]), ("active", True, True))
        self.assertEqual(signalled("signed-in", {}, account("suspended")).state, "suspended")

    def test_the_product_may_change_a_role_to_one_that_there_is(self):
        self.assertEqual(signalled("role-changed", {"role": "editor"}, account("active")).fields["role"], "editor")
        for name, payload in [("role-changed", {"role": "king"}), ("role-changed", []), ("left", None)]:
            with self.subTest(name), self.assertRaises(Refused):
                signalled(name, payload, account("active"))
