"""One file, from its path to what is kept of it.

In comes the path of a file that nobody vouches for; out go its pixels at the size that is asked, what its header says,
the digest of its pixels, its local features, its outline, and the sketch that the store keeps. `scan` finds the files,
`formats` tells what a content is, `decode` makes it pixels or says in a sentence why not, `prepare` does in a worker
all that is made of one picture alone, and `sources` gives a verification what it asks of a picture, read again where
nobody remembers it. Nothing here knows of a second picture.
"""
