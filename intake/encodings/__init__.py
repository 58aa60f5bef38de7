"""Legacy encodings: which one a text file that is not UTF-8 has, or that this is not certain."""
