"""Two pictures: what they have to do with each other, and what would be lost with either.

    sheet -> tone -> parts -> kinds          and beside them: strokes, hue, focus

A *sheet* is the pair at one place and one size, in colour. *Tone* is the one smooth change of tone and colour that
turns a into b. *Parts* are where that does not explain what is seen, beyond what coding and resampling do. A part has
one of the *kinds*: something laid over, or content that only one of the two shows.
"""
