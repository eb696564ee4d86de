"""Each verb of the program as its numbered list: index, report, check, query, compare, status.

In come an open store and what a person asked for; out go the records of `results`. A run puts the other rooms' work in
order and decides when something is written; how a thing is done stands in the room below.
"""
