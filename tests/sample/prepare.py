"""Writes the key that all pods sign with; run once while the image is built."""

from eco2_sample.fixed_key import make_fixed_key
from eco2_sample.keys import KEY_FILE, to_pem

if __name__ == "__main__":
    KEY_FILE.write_bytes(to_pem(make_fixed_key()))
