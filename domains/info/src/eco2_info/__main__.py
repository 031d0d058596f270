"""The program `eco2-info`."""

from __future__ import annotations

from eco2_info.application import create_app
from eco2_info.import_command import import_command
from eco2_info.settings import Settings
from eco2_service.cli import service_cli

main = service_cli("info", Settings, create_app)
main.add_command(import_command)

if __name__ == "__main__":
    main()
