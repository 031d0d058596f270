"""Which tokens were revoked: asked from Redis for each request, or kept here as a copy."""
