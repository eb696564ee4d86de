"""The store: one directory with `imgindex.db` (the truth) and cache files that can be deleted at any moment.

`schema` has the tables, `upgrade` brings an older store to them, `database` opens it and hands out transactions. A row
is written by the statements for its kind, which run inside one:

    catalog    roots, files, images
    searched   the images that take part in a search
    moves      files that have moved
    skipped    files that were refused, and why
    sketches   what is kept of an image's look
    spaces     embedding spaces, vectors, index cache rows
    pairs      pairs, watermarks, pending candidates
    weighed    what would be lost with either image of a pair
    decisions  what a person decided
    reported   what the last nightly report said
    runs       what was done to files, step by step

`values` and `checksum` guard what goes into a row and comes out of it; `sqlite` holds what only SQLite knows, and the
statements of `check`.
"""

from imgindex.store.database import DATABASE_NAME, Store, Transaction

__all__ = ["DATABASE_NAME", "Store", "Transaction"]
