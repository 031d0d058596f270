"""What Alembic runs."""

from eco2_info.tables import metadata
from eco2_service.migrations import run

run(metadata)
