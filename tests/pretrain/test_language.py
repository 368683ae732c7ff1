"""The language model's text: words that share a position, and what it is asked to foresee."""

from itertools import islice

import numpy as np
import pytest
import torch

from gvt.mini.scenes import sample_scene
from gvt.mini.texts import describe
from gvt.model.packing import IGNORE
from gvt.pretrain.language import LanguageObjective
from gvt.pretrain.texts import SHARED, shared, stream


@pytest.fixture(scope="module")
def texts():
    return [describe(sample_scene("pretrain", index)) for index in range(40)]


def test_apart_every_word_has_its_place(texts):
    for text in texts:
        assert shared(text, 0.0, np.random.default_rng(0)) == [(word,) for word in text.split()]


def test_together_an_object_takes_one_position_and_its_row_another(texts):
    for text in texts:
        wanted = []
        for thing in text.split(" , "):
            shape, colour, _, size, _, texture, _, column, row = thing.split()
            wanted += [(shape, colour, size, texture, column), (row,)]
        assert shared(text, 1.0, np.random.default_rng(0)) == wanted


def test_in_between_no_word_is_lost_or_said_of_another_object(texts):
    rng = np.random.default_rng(1)
    lengths = []
    for text in texts:
        bags = shared(text, 0.5, rng)
        lengths.append(len(bags) / len(text.split()))
        found, current = [], []
        for bag in bags:
            if bag == (",",):
                found.append(current)
                current = []
            else:
                current.append(bag)
        for bags_of_one, thing in zip([*found, current], text.split(" , "), strict=True):
            words = thing.split()
            assert {word for bag in bags_of_one for word in bag} == set(words)
            assert bags_of_one[-1] == (words[-1],)  # the row
            assert all(len(set(bag)) == len(bag) for bag in bags_of_one)
    assert 0.5 < np.mean(lengths) < 0.7


def test_words_share_positions_only_late_and_then_in_half_of_the_examples_all_do():
    early = islice(stream(0, SHARED - 60), 60)
    assert all(len(bag) == 1 for bags, _ in early for bag in bags)
    late = [bags for bags, _ in islice(stream(0, SHARED), 400)]
    apart = sum(all(len(bag) == 1 for bag in bags) for bags in late)
    together = sum((",",) not in bags and len(bags[0]) == 5 for bags in late)
    assert 70 < apart < 130
    assert 170 < together < 260


@torch.no_grad()
def test_words_at_one_position_are_added_at_the_scale_of_one():
    torch.manual_seed(0)
    objective = LanguageObjective()
    batch = next(objective.batches(SHARED, 6, 0, 1))
    packed, table = batch.packed, objective.model.get_input_embeddings().weight
    embeds = table[packed.ids]
    for row, place in np.ndindex(*batch.more.shape[:2]):
        words = [
            int(packed.ids[row, place]),
            *(w for w in batch.more[row, place].tolist() if w >= 0),
        ]
        embeds[row, place] = sum(table[word] for word in words) / len(words) ** 0.5
    assert (batch.more >= 0).any()
    logits = objective.model(
        inputs_embeds=embeds,
        attention_mask=packed.mask(torch.float32),
        position_ids=packed.positions,
    ).logits
    chance = logits.log_softmax(-1)
    asked = [(b, t) for b, t in np.ndindex(*packed.labels.shape) if packed.labels[b, t] != IGNORE]
    answers = [-chance[b, t, packed.labels[b, t]] for b, t in asked]
    # Of descriptions only those are foreseen whose words stand alone.
    alone = [b for b in range(6) if (batch.more[b] < 0).all()]
    foreseen = [
        -chance[b, t, packed.ids[b, t + 1]]
        for b in alone
        for t in range(packed.ids.shape[1] - 1)
        if packed.group[b, t + 1] == 0
    ]
    assert 0 < len(alone) < 6
    wanted = torch.stack(answers).mean() + 0.05 * torch.stack(foreseen).mean()
    torch.testing.assert_close(objective(batch), wanted, rtol=1e-4, atol=1e-5)
