"""Where risky work runs: processes of this machine that may crash, hang or eat memory without harm to the run.

In go a function and items that can be pickled; out come answers, or for an item that killed its worker the reason in a
sentence (`skips.Skipped`). `pool` gives out the items, `process` is one worker and its pipe.
"""
