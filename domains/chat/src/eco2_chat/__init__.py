"""Questions about waste, in words or by photo."""
