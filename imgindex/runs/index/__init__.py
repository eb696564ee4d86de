"""index: scan -> decode -> embed -> store -> search -> verify -> weigh, only what is new.

`run` is the list; `walk` and `ingest` bring in files, `find_copies` verifies what `blocks` proposes and `screening`
lets through, `settle` makes of each outcome the pair that is stored, `follow_up` asks for what proven pairs suggest,
`crowds` thins what many alike images would cost, `weigh` says what would be lost with either of two copies, and
`catch_up` does what a changed program owes older stores.
"""
