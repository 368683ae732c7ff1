"""Log-likelihoods behind shared prefixes: those of one full forward of each text alone."""

import pytest
import torch

from gvt.engine.score import score
from tests.engine.test_generate import CONFIGS, OWNERS, inputs, make  # noqa: F401


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("window", [64, 6])
def test_they_equal_a_full_forward(kind, window, make):  # noqa: F811
    model, noise = make(kind, window)
    sizes = [1 + number % 4 for number in range(len(OWNERS))]
    prefixes, prompts = inputs(model, noise, (9, 3, 6), sizes)
    _, wanted = inputs(model, noise, (), [1 + number % 3 for number in range(len(OWNERS))])
    found = score(model, prefixes, OWNERS, prompts, wanted)
    greedy = 0
    for owner, prompt, target, one in zip(OWNERS, prompts, wanted, found, strict=True):
        embeds = torch.cat([prefixes[owner], model.embed(torch.tensor([*prompt, *target]))])[None]
        with torch.no_grad():
            logits = model.model(inputs_embeds=embeds, use_cache=False).logits[
                0, -len(target) - 1 : -1
            ]
        logprobs = logits.double().log_softmax(-1)
        expected = logprobs[range(len(target)), target].sum().item()
        assert one.logprob == pytest.approx(expected, abs=1e-4)
        assert one.greedy == (logits.argmax(-1).tolist() == target)
        best = score(model, [prefixes[owner]], [0], [prompt], [logits.argmax(-1)[:1].tolist()])
        greedy += best[0].greedy
    assert greedy == len(OWNERS)
