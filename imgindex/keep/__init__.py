"""Which one stays: groups of copies, and the file of each that is kept.

In come proven pairs and what is known of each image; out go groups, a keeper first. It knows the shared words alone: no
picture is read and no store opened for it. `order` says who stands below whom and `groups` gathers them, `choice` what
a person's decisions and `rules` change in that, `reasons` why a file stays, `planning` and `cover` which pairs to
weigh.
"""
