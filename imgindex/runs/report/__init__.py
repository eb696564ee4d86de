"""report: the duplicates that a store knows of, what is new among them, and thumbnails to look at. Reads only."""
