"""The verbs of the command line, those of one subject in a module: parse, call, print, exit code.

A verb is a function; `cli.VERBS` names it, and its parameters are its options.
"""
