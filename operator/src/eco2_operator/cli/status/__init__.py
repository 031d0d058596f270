"""How the domains are: read, summed up (pure), and laid out."""
