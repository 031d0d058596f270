"""The operator's settings, as a command sees them."""

from eco2_operator import settings
from eco2_operator.cli.errors import CliError
from eco2_operator.errors import SettingsError


def load_settings() -> settings.Settings:
    """The ``ECO2_*`` settings: builders follow them, offline too.

    Raises:
        CliError: when a variable has no usable value.
    """
    try:
        return settings.load()
    except SettingsError as error:
        raise CliError(str(error)) from None
