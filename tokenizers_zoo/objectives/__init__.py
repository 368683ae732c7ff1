"""Objectives that pre-train a vision transformer: DeiT, CLIP, MAE and DINO, each a module with a loss."""
