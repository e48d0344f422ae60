"""What was promised, against what was seen: pure functions over intervals, no files, no clock."""
