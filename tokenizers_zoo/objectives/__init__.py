"""Objectives that train a vision transformer: DeiT, CLIP, MAE, DINO, feature distillation."""
