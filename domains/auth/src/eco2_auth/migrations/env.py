"""Run by Alembic."""

from eco2_auth.tables import metadata
from eco2_service.migrations import run

run(metadata)
