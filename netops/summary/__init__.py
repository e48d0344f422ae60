"""The month on one page, of closed reports, for the city's manager. No figure is judged here."""
