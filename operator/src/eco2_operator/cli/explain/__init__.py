"""Whether one may call another, and which object says so: reading at the edge, everything else pure."""
