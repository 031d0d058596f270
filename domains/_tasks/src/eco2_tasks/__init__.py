"""Tasks that are not lost: a write-ahead log, Celery workers, a reaper."""
