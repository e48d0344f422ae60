"""RADIUS: controllers ask whether a visitor may in, report who is online, and are told when it is over."""
