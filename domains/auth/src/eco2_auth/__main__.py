"""``eco2-auth`` and ``python -m eco2_auth``."""

from eco2_auth.application import create_app
from eco2_auth.settings import Settings
from eco2_service.cli import service_cli

main = service_cli("auth", settings=Settings, create_app=create_app)

if __name__ == "__main__":
    main(prog_name="eco2-auth")
