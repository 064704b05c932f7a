"""Collections of real text for the benchmarks, at 2,000 to 1,000,000 passages."""
