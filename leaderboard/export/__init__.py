"""Files for papers, tables and programs beside the report: one module a format."""
