"""Reports: the verdicts of a contract over a period, as canonical bytes that anyone can recompute."""
