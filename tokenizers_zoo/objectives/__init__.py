"""Objectives that pre-train a vision transformer: DeiT, CLIP, MAE and DINO, a module each."""
