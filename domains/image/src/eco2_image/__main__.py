"""The program `eco2-image`."""

from __future__ import annotations

from eco2_image.application import create_app
from eco2_image.settings import Settings
from eco2_service.cli import service_cli
from eco2_tasks.worker import worker_cli

main = service_cli("image", Settings, create_app)
worker_cli(main, "eco2_image.worker:WORKER")

if __name__ == "__main__":
    main()
