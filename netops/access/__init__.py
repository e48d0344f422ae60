"""Who works here and what each may do: accounts, sessions, roles, decisions of two persons, the record of it."""
