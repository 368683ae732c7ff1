"""Answers to numbers: one file per kind of answer, and the glue that task YAMLs name."""
