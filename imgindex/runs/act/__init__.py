"""What people do with copies: plan, apply, undo. A plan comes in, and files go where a person can get them back from.

    plan   report -> weigh what is not weighed -> leave out what must stay -> a file that a person can read
    apply  examine from the bytes -> verify and weigh again -> put on record -> act -> say what happened
    undo   read the record -> look at the disk -> put back

Nothing here trusts the plan, nor the report that it was made from: before a file moves, it and its keeper are read
again. What is on record is what undo needs, and is on the disk before the file moves. This is the only room beside the
store that opens files for writing, moves or removes them.
"""
