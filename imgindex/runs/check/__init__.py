"""check: hold a store to its invariants, by number, and mend what can be rebuilt.

`check` is the list, `invariants` says what is broken (`damage`) of each, from rows as `store.sqlite.faults` reads them,
and `repair` mends.
"""
