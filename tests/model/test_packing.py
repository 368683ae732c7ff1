"""Packed pairs: every pair must weigh and read as if it stood behind its prefix alone."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from gvt.model.packing import IGNORE, pack

PREFIXES = [[2, 4, 20, 21, 5], [2, 4, 33, 5]]
PAIRS = [
    [([10, 11, 12], [30, 3]), ([13], [31, 32, 3]), ([14, 15], [3])],
    [([16, 17], [33, 34, 35, 3])],
]


def logits(llm, packed):
    return llm.model(
        input_ids=packed.ids,
        attention_mask=packed.mask(torch.float32),
        position_ids=packed.positions,
        use_cache=False,
    ).logits


def loss(llm, packed):
    return cross_entropy(
        logits(llm, packed).flatten(0, 1), packed.labels.flatten(), ignore_index=IGNORE
    )


def test_the_loss_is_that_of_every_pair_alone(llm):
    losses = []
    for prefix, items in zip(PREFIXES, PAIRS, strict=True):
        for prompt, answer in items:
            ids = torch.tensor([[*prefix, *prompt, *answer]])
            alone = llm.model(input_ids=ids).logits[0, -len(answer) - 1 : -1]
            losses.append(cross_entropy(alone, torch.tensor(answer), reduction="none"))
    together = loss(llm, pack(PREFIXES, PAIRS, pad=0))
    assert together == pytest.approx(torch.cat(losses).mean().item(), rel=1e-5)


def test_every_pair_weighs_alike_however_long_its_answer(llm):
    means = []
    for prefix, items in zip(PREFIXES, PAIRS, strict=True):
        for prompt, answer in items:
            alone = llm.model(input_ids=torch.tensor([[*prefix, *prompt, *answer]])).logits
            means.append(cross_entropy(alone[0, -len(answer) - 1 : -1], torch.tensor(answer)))
    packed = pack(PREFIXES, PAIRS, pad=0)
    losses = cross_entropy(logits(llm, packed).mT, packed.labels, reduction="none")
    together = (losses * packed.weights()).sum() / packed.weights().sum()
    assert together == pytest.approx(torch.stack(means).mean().item(), rel=1e-5)


def test_no_pair_feels_another_and_all_feel_the_prefix(llm):
    packed = pack(PREFIXES[:1], PAIRS[:1], pad=0)
    before = logits(llm, packed)[0]
    group = packed.group[0]
    for changed in (0, 1, 2, 3):
        other = pack(PREFIXES[:1], PAIRS[:1], pad=0)
        other.ids[0, group == changed] += 20
        moved = (logits(llm, other)[0] - before).abs().amax(-1) > 1e-4
        felt = {int(number) for number in group[moved]}
        assert felt == ({0, 1, 2, 3} if changed == 0 else {changed})


def test_padding_has_no_influence(llm):
    # Row 1 is the short one: alone it is not padded at all.
    both, alone = (pack(PREFIXES[i:], PAIRS[i:], pad=0) for i in (0, 1))
    length = alone.ids.shape[1]
    assert both.ids.shape[1] > length
    torch.testing.assert_close(logits(llm, both)[1, :length], logits(llm, alone)[0])
    other = loss(llm, pack(PREFIXES, PAIRS, pad=40))
    assert other == pytest.approx(loss(llm, both).item(), rel=1e-6)


def test_a_label_is_the_token_to_predict():
    packed = pack([[1, 2]], [[([5, 6], [7, 8]), ([9], [10])]], pad=0)
    assert packed.ids.tolist() == [[1, 2, 5, 6, 7, 8, 9, 10]]
    none = IGNORE
    assert packed.labels.tolist() == [[none, none, none, 7, 8, none, 10, none]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 4, 5, 2, 3]]
