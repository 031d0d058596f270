"""The program `eco2-character`."""

from eco2_character.application import create_app
from eco2_character.import_command import import_command
from eco2_character.settings import Settings
from eco2_service.cli import service_cli

main = service_cli("character", Settings, create_app)
main.add_command(import_command)

if __name__ == "__main__":
    main()
