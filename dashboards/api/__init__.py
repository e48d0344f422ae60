"""The API, `/api/v1`: what the pages show, for programs. `catalogue.py` is the list of its operations."""
