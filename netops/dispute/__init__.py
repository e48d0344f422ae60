"""The dispute over a report: what may follow what, by when, what a carrier may object to, and how it says so."""
