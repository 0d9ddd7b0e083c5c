"""As the host would call, without it."""

import json

from loft.settings import Settings


def settings(**config) -> Settings:
    """The settings of a customer: texts are answered as they are, all else as JSON."""

    def get(pointer):
        value = config.get(pointer[1:])
        return value if value is None or isinstance(value, str) else json.dumps(value)

    return Settings(get)
