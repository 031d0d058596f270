"""Reading data files: CSV and GeoJSON, row by row, with every fault found and none passed on."""
