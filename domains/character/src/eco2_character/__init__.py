"""Characters: catalogue, rewards, who owns which."""
