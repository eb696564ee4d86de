"""The service: one process that has a store, its model and its index open, an HTTP API for programs, a page for people.

In go HTTP requests, out come JSON, pictures and HTML; all work is asked of `imgindex.api`. What a request passes, from
the outside in:

    slow        connections that send nothing are closed (the server's own protocol)
    observe     a request id, one line of log, numbers for `metrics`, no traceback for a stranger
    guard       Host and Origin checked, security headers set
    tokens      who may ask, where other machines can
    bounds      how many at once, and how long
    routes/     what can be asked (`/api/v1/...`), `pages/` what a person sees
    service     the open index, a bounded pool of threads to ask it in, what is kept of its last report (`snapshots`)
    jobs        runs that write: one at a time, each in a process of its own, recorded

Nothing blocks the event loop: the index is asked in threads, pictures are decoded in the index's worker processes.
"""
