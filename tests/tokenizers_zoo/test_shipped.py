"""The shipped mini encoders: what their cards say of them is what lies in the folders."""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gvt.mini.images import pixels
from tokenizers_zoo import BUILTIN_CARDS, Card, load_tokenizer

TRAINED = {
    path.stem: Card.load(path)
    for path in sorted(BUILTIN_CARDS.glob("mini-*.yaml"))
    if path.stem != "mini-random"
}


@pytest.mark.parametrize("card", TRAINED.values(), ids=TRAINED)
def test_a_card_tells_what_was_trained(card):
    """Samples and objective of the provenance; half precision; a folder of its own name."""
    assert card.folder.name == card.name
    note = json.loads((card.folder / "provenance.json").read_text())
    objective = re.fullmatch(r"mini-([a-z]+)(-100k|-masked)?", card.name)[1]
    assert note["objective"] == {"gvt": "distill"}.get(objective, objective)
    told = re.search(r"([\d,]+) samples", card.description)
    if told:
        assert note["samples_seen"] == int(told[1].replace(",", ""))
    assert note["recipe"].get("mask_ratio", 0) == (0.6 if "masked" in card.name else 0)
    weights = load_file(card.folder / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float16}


def patches(name, images):
    tokenizer = load_tokenizer(TRAINED[name])
    tokens = tokenizer.encode(tokenizer.preprocess(images))
    assert tokens.grid == (6, 6) and tokenizer.parameters == TRAINED[name].parameters
    return tokens.features.flatten(0, 1).double()


def test_the_students_have_learnt_from_their_teacher():
    """R² of a ridge regression to its whitened features, on scenes it was not fitted to."""
    images = [Image.fromarray(array) for array in pixels("heldout", 160)]
    teacher = torch.nn.functional.layer_norm(patches("mini-clip", images), (144,)).numpy()
    fit, held_out = slice(0, 120 * 36), slice(120 * 36, None)
    explained = {}
    for name in ("mini-gvt", "mini-gvt-masked", "mini-clip-100k"):
        x = np.pad(patches(name, images).numpy(), ((0, 0), (0, 1)), constant_values=1)
        gram = x[fit].T @ x[fit] + np.eye(x.shape[1])
        errors = teacher[held_out] - x[held_out] @ np.linalg.solve(gram, x[fit].T @ teacher[fit])
        around = teacher[held_out] - teacher[held_out].mean(0)
        explained[name] = 1 - (errors**2).sum() / (around**2).sum()
    assert explained["mini-gvt"] > 0.9
    assert max(explained["mini-gvt-masked"], explained["mini-clip-100k"]) < 0.8
