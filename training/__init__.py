"""How the reading model was made: prepare, train, export, report."""
