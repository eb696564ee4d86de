"""What people and programs see: the command line, and answers as text, JSON, CSV and HTML.

In come arguments and the records of `results`; out goes what is printed, and an exit code. Nothing but this room prints
or exits, and all that it calls to get work done is `api`.
"""
