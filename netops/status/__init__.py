"""The public status page: which hotspots work, as plain files that any server serves and that outlive this program."""
