"""Data sets that tasks and alignment read: rows with references to images, never pixels."""
