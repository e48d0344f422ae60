"""The formats of evidence and their verification, standard library only: an outsider need install nothing."""
