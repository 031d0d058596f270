"""Makes the key that all pods of one image sign with; run once while the image is built."""

from eco2_sample.keys import KEY_FILE, make_key, to_pem

if __name__ == "__main__":
    KEY_FILE.write_bytes(to_pem(make_key()))
