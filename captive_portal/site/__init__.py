"""A new site of the city: what has to stand where before its visitors can log in, as a plan to look at first."""
