"""keep: which of several copies stays.

In come image ids, what each is kept for, and who stands below whom (from `proof`, by way of `store`); out come groups,
the one to keep first, and the pairs that must be weighed before more can be said. Nothing here reads a file, a row or
a pixel.
"""
