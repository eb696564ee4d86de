"""Each verb of the program as its numbered list: index, report, check, query, compare, status.

In come an open store and what a person asked for; out go the records of `results`. A run puts the other rooms' work in
order and decides when something is written; how a thing is done stands in the room below. What the steps of a run work
with is its `context`. A module at this level is a verb of its own (`query`, `compare`, `status`, `left_alone`), or what
several verbs ask: which files are there (`presence`), which model (`model`), what is known of the images shown
(`proofs`, `facts`), what a person wants (`decisions`, `wanted`), and the groups made of all that (`groups`).
"""
