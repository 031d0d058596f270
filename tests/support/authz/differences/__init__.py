"""Random cases for everything that reads foreign octets, and what each has to agree with.

A target makes a case, a list of octet strings, from a `random.Random`, and checks it; a check raises AssertionError.
The tests run some thousand cases of each, ``python -m fuzz`` as many as wanted.
"""
