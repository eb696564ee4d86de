"""Two pictures: is one a copy of the other, and how?

In come two sources of pictures, a the one of the smaller sha256; out goes a `records.Verification`: verdict, score,
transform, and the evidence that it rests on. `screen` asks the sketches, `align` finds the map from one to the other
(`register` guesses, `canvases` lays both on one), `verify` measures what they share, `inspection` what differs there,
and `decide` alone turns evidence into a verdict, by `rules` on what differs. `loss` says what would go with either
picture; `overlay` and `difference` show a person where two differ.
"""
