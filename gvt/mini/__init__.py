"""The mini world: seeded multi-object scenes with exact ground truth, small enough for a laptop."""
