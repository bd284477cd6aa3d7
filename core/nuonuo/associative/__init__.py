"""The mathematics: arrays in, arrays out.

It knows no text, no store and no namespace. `hopfield` completes a noisy state (`settling`, where it is one,
in NumPy), `hebbian` learns what follows what, `separation` makes vectors into sparse codes, `projection` does
so by weights that were learned, `patterns` compares bipolar patterns, and `chain` walks from one to the next.
"""
