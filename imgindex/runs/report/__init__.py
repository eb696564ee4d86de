"""report: the duplicates that a store knows of, what is new among them, and thumbnails to look at. Reads only.

`report` is the list, `changes` tells what is new since the last nightly, and `thumbnails` draws what a page shows.
"""
