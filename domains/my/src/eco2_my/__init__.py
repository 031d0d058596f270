"""Users: profile, linked accounts, owned characters, deletion."""
