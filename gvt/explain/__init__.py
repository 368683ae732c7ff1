"""One sample of a run: what every column answered, and how each answer was scored."""

from gvt.explain.sample import Answer, Explained, explain

__all__ = ["Answer", "Explained", "explain"]
