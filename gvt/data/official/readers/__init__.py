"""One file a benchmark: what its files hold, checked, and how an entry becomes a row.

Each has ``records(files)``, which yields ``(where, fields)`` of every entry of the official files,
and ``row(where, fields, source, variant)``, which also takes the rows of the hub data set.
"""
