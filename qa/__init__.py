"""Which words answer it, and how sure are we? Reading, deciding, evaluating."""
