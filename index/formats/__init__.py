"""One file per format: bytes in, sources with their layout out. Everything but plain text runs in a worker process."""
