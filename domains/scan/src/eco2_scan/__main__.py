"""The program `eco2-scan`."""

from __future__ import annotations

from eco2_scan.application import create_app
from eco2_scan.settings import Settings
from eco2_service.cli import service_cli
from eco2_tasks.worker import worker_cli

main = service_cli("scan", Settings, create_app)
worker_cli(main, "eco2_scan.worker:WORKER")

if __name__ == "__main__":
    main()
