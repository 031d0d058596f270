"""EcoIngresses for the command line: what render, diff, explain and doctor have in common. Pure."""
