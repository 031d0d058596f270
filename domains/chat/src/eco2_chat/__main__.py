"""The program `eco2-chat`."""

from __future__ import annotations

from eco2_chat.application import create_app
from eco2_chat.settings import Settings
from eco2_service.cli import service_cli

main = service_cli("chat", Settings, create_app)

if __name__ == "__main__":
    main()
