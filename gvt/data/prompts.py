"""What task YAMLs hand to the model for a row, beside its text."""

from __future__ import annotations

from typing import Any


def image(doc: dict[str, Any]) -> list[dict[str, str]]:
    """Return references to the images of a row, `[{"path": …, "sha256": …}]`.

    Where the row tells the true scene in words, that is in `text`: what the ceiling row reads.

    References and not pixels: lm-eval keeps and hashes whatever it is given for every question,
    while the engine decodes each image once.
    """
    reference = {"path": doc["image"], "sha256": doc["image_sha256"]}
    if doc.get("scene_text"):
        reference["text"] = doc["scene_text"]
    return [reference]
