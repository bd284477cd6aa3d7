"""Mathematics that only experiments need: arrays in, arrays out."""
