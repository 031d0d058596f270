"""The program `eco2-my`."""

from __future__ import annotations

from eco2_my.application import create_app
from eco2_my.settings import Settings
from eco2_service.cli import service_cli

main = service_cli("my", Settings, create_app)

if __name__ == "__main__":
    main()
