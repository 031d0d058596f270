"""Articles and rules about sorting waste, and finding them."""
