"""A small service made with the kit, on real servers."""

from support.services import database_url, postgres, redis_process, redis_server

__all__ = ["database_url", "postgres", "redis_process", "redis_server"]
