"""report.html: one self-contained page from the results of a run, one module a section."""
