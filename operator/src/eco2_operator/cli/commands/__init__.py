"""One command per module, each as ``command``."""
