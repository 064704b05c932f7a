"""Which passages are near this question? Documents, splitting, embedding, storage, search."""
