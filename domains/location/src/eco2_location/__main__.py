"""The program `eco2-location`."""

from __future__ import annotations

from eco2_location.application import create_app
from eco2_location.import_command import import_command
from eco2_location.settings import Settings
from eco2_service.cli import service_cli

main = service_cli("location", Settings, create_app)
main.add_command(import_command)

if __name__ == "__main__":
    main()
