"""index: scan -> decode -> embed -> store -> search -> verify, only what is new.

`run` is the list; `walk` and `ingest` bring in files, `match` verifies what `blocks` proposes and `screening` lets
through, `crowds` thins what many alike images would cost, `catch_up` does what a changed program owes older stores.
"""
