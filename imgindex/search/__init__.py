"""Who looks like whom: vectors of pictures, and the pairs that are worth verifying.

In come pictures or words; out go unit vectors (`embed`), the nearest of many (`vectors`), and candidate pairs
(`proposals`). `index_files` keeps the search index on disk, a cache that the store's rows vouch for and that may be
deleted at any moment. A candidate is a proposal and nothing more: only `proof` says what two pictures are.
"""
