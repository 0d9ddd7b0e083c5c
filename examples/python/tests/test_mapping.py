from dataclasses import replace
from unittest import TestCase

from loft.manifest import MANIFEST
from loft.mapping import account
from model import Account, Given, Refused

from . import settings

ADA = {"userName": "ada@example.com", "name.givenName": "Ada", "name.familyName": "Byron"}


def map_user(sent, current=None, **config):
    names = MANIFEST["resources"]["user"]["attributes"]
    given = Given("user", {name: [sent[name]] if name in sent else [] for name in names}, current)
    return account(given, settings(**config))


class Mapping(TestCase):
    def test_a_new_user_is_invited_and_nobody_sees_the_user_yet(self):
        fields = {
            "email": "ada@example.com",
            "full_name": "Ada Byron",
            "department": None,
            "role": "viewer",
            "has_signed_in": False,
        }
        expected = Account("invited", listed=False, keys={"emails.value": "ada@example.com"}, fields=fields)
        self.assertEqual(map_user(ADA), expected)

    def test_the_display_name_goes_before_the_parts_of_the_name(self):
        self.assertEqual(map_user({**ADA, "displayName": "Lady Lovelace"}).fields["full_name"], "Lady Lovelace")
        self.assertIsNone(map_user({"userName": "ada@example.com"}).fields["full_name"])

    def test_a_user_name_that_is_no_address_is_refused(self):
        for name in ["ada", "ada@", "@example.com", "ada@localhost", "a b@example.com", "ada@@example.com"]:
            with self.subTest(name), self.assertRaises(Refused):
                map_user({"userName": name})

    def test_an_address_of_another_domain_is_refused_where_domains_are_set(self):
        self.assertEqual(map_user({"userName": "Ada@Example.COM"}, email_domains=["example.com"]).state, "invited")
        with self.assertRaises(Refused):
            map_user({"userName": "ada@example.org"}, email_domains=["example.com"])

    def test_each_customer_decides_what_becomes_of_the_deactivated(self):
        invited = map_user(ADA)
        signed_in = replace(invited, state="active", listed=True, fields={**invited.fields, "has_signed_in": True})

        def deactivated(current, **config):
            after = map_user({**ADA, "active": False}, current, **config)
            return after.state, after.listed

        self.assertEqual(deactivated(signed_in), ("suspended", True))
        self.assertEqual(deactivated(signed_in, deactivated_users="archive"), ("archived", False))
        self.assertEqual(deactivated(invited), ("archived", False))

    def test_a_reactivated_user_is_as_before_with_the_role_that_the_product_gave(self):
        suspended = Account("suspended", fields={"has_signed_in": True, "role": "editor"})
        back = map_user(ADA, suspended)
        self.assertEqual((back.state, back.fields["role"]), ("active", "editor"))

    def test_to_read_what_the_manifest_does_not_name_is_a_mistake_that_the_first_test_finds(self):
        with self.assertRaises(KeyError):
            Given("group", {"displayName": ["Engines"]}).get("nickName")

    def test_a_group_is_a_team(self):
        team = account(Given("group", {"displayName": ["Engines"]}), settings())
        self.assertEqual(team, Account("active", fields={"name": "Engines"}))
