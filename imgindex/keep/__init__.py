"""Which one stays: groups of copies, and the file of each that is kept.

In come proven pairs and what is known of each image; out go groups, a keeper first. It knows the shared words alone: no
picture is read and no store opened for it.
"""
