"""The evaluation engine: features, answers and their journal."""
