"""Collection boxes and zero-waste shops: near a point, in a box of the map, by category."""
