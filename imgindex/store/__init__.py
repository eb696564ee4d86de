"""The store: one directory with `imgindex.db` (the truth) and cache files that can be deleted at any moment.

`database` opens it and hands out transactions; the other modules are the statements that run inside one:

    catalog   roots, files, images
    skipped   files that were refused, and why
    spaces    embedding spaces, vectors, index cache rows
    pairs     pairs, watermarks, pending candidates
"""

from imgindex.store.database import DATABASE_NAME, Store, Transaction

__all__ = ["DATABASE_NAME", "Store", "Transaction"]
