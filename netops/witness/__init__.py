"""Witnesses: carrier, manager and auditor co-sign the checkpoints, so that neither side can rewrite history."""
