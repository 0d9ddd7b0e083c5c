import json
from unittest import TestCase

from loft.settings import CONFIG_SCHEMA, problems

from . import settings


class Settings(TestCase):
    def test_the_owner_is_needed_to_archive_and_belongs_to_the_company(self):
        def pointers(**config):
            return [pointer for pointer, _ in problems(settings(**config))]

        self.assertEqual(pointers(), [])
        self.assertEqual(pointers(deactivated_users="archive"), ["/owner"])
        self.assertEqual(pointers(owner="nobody"), ["/owner"])
        self.assertEqual(pointers(owner="a@example.org", email_domains=["example.com"]), ["/owner"])
        self.assertEqual(pointers(owner="a@example.com", email_domains=["example.com"]), [])

    def test_what_is_not_set_has_the_default_of_the_schema(self):
        properties = json.loads(CONFIG_SCHEMA)["properties"]
        self.assertEqual(settings().default_role, properties["default_role"]["default"])
        self.assertEqual(settings().archives, properties["deactivated_users"]["default"] == "archive")
