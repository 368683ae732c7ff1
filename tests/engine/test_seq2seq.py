"""An encoder–decoder answers and scores in batches as transformers does with each prompt alone."""

import copy

import pytest
import torch

from gvt.engine.generate import Decoding, generate
from gvt.engine.score import score
from gvt.model.language import LanguageModel

# Prompts of one image are neither side by side nor of one length.
LENGTHS = (9, 3, 6)
OWNERS = (1, 0, 2, 0, 1, 2, 0, 1, 2, 0)
LIMIT = 8


@pytest.fixture(scope="module")
def case(save_t5):
    """A model whose end token comes early now and then; prefixes and prompts of many lengths."""
    model = LanguageModel.load(str(save_t5(0.3)))
    # A head of its own, as Flan-T5 has.
    model.model.lm_head.weight = torch.nn.Parameter(model.model.lm_head.weight.clone(), False)
    model.model.lm_head.weight[model.eos] *= 3
    noise = torch.Generator().manual_seed(7)
    prefixes = [torch.randn(length, model.dim, generator=noise) * model.scale for length in LENGTHS]
    prompts = [
        (*torch.randint(7, 80, (1 + number % 4,), generator=noise).tolist(), model.eos)
        for number in range(len(OWNERS))
    ]
    return model, prefixes, prompts


def answers(case, **options):
    model, prefixes, prompts = case
    decoding = Decoding(**{"limit": LIMIT, **options})
    return generate(model, prefixes, OWNERS, prompts, [decoding] * len(prompts))


def alone(case, **options):
    """What transformers' own generate says to every prompt, as (text, truncated)."""
    model, prefixes, prompts = case
    found = []
    for owner, prompt in zip(OWNERS, prompts, strict=True):
        embeds = torch.cat([prefixes[owner], model.embed(torch.tensor(prompt))])[None]
        ids = model.model.generate(
            inputs_embeds=embeds, do_sample=False, max_new_tokens=LIMIT, **options
        )[0].tolist()
        ended = model.eos in ids
        found.append((model.decode(ids[: ids.index(model.eos)] if ended else ids), not ended))
    return found


@pytest.mark.parametrize("beams,penalty", [(1, 1.0), (5, 1.0), (5, -1.0)])
def test_answers_are_those_of_every_prompt_alone(case, beams, penalty):
    wanted = alone(case, num_beams=beams, length_penalty=penalty)
    # The case must be able to fail: answers that differ, some ended early and some cut.
    assert len({text for text, _ in wanted}) > len(wanted) // 2
    assert {cut for _, cut in wanted} == {True, False}
    found = answers(case, beams=beams, length_penalty=penalty)
    assert [(one.text, one.truncated) for one in found] == wanted


def test_every_prompt_is_answered_as_it_asks(case):
    model, prefixes, prompts = case
    kinds = (Decoding(LIMIT), Decoding(3), Decoding(LIMIT, beams=5), Decoding(LIMIT, ("no",)))
    mixed = [kinds[number % len(kinds)] for number in range(len(prompts))]
    together = generate(model, prefixes, OWNERS, prompts, mixed)
    for owner, prompt, decoding, wanted in zip(OWNERS, prompts, mixed, together, strict=True):
        assert generate(model, [prefixes[owner]], [0], [prompt], [decoding]) == [wanted]


def test_a_stop_cuts_the_answer_where_it_is_first_met(case):
    whole = answers(case)
    varied = max((one.text.split() for one in whole), key=lambda words: len(set(words)))
    stop = list(dict.fromkeys(varied))[-1]
    cut = answers(case, until=(stop, "never said"))
    assert " ".join(varied).partition(stop)[0].strip() in {one.text for one in cut}
    for one, before in zip(cut, whole, strict=True):
        assert one.text == before.text.partition(stop)[0].strip()
        assert one.truncated == (before.truncated and stop not in before.text)


def test_a_stop_that_is_a_special_token_stops(case, monkeypatch):
    model, _, _ = case
    wanted = answers(case)
    word = next(w for one in wanted for w in one.text.split())
    monkeypatch.setattr(model, "tokenizer", copy.deepcopy(model.tokenizer))
    model.tokenizer.add_special_tokens(
        {"additional_special_tokens": [*model.tokenizer.all_special_tokens, word]}
    )
    hit = 0
    for before, after in zip(wanted, answers(case, until=(word,)), strict=True):
        words = before.text.split()
        if word in words:
            assert after.text.split() == words[: words.index(word)]
            assert not after.truncated
            hit += 1
    assert hit


def test_a_checkpoint_s_own_way_to_generate_is_not_followed(case, monkeypatch):
    wanted = answers(case)
    settings = case[0].model.generation_config
    own = {"no_repeat_ngram_size": 1, "repetition_penalty": 9.0, "min_length": 7, "num_beams": 3}
    for name, value in own.items():
        monkeypatch.setattr(settings, name, value)
    assert [text for text, _ in alone(case)] != [one.text for one in wanted]
    assert answers(case) == wanted


def test_log_likelihoods_are_those_of_a_full_forward(case):
    model, prefixes, prompts = case
    noise = torch.Generator().manual_seed(1)
    targets = [
        torch.randint(7, 80, (1 + number % 3,), generator=noise).tolist()
        for number in range(len(OWNERS))
    ]
    greedy = 0
    found = score(model, prefixes, OWNERS, prompts, targets)
    for owner, prompt, target, one in zip(OWNERS, prompts, targets, found, strict=True):
        embeds = torch.cat([prefixes[owner], model.embed(torch.tensor(prompt))])[None]
        with torch.no_grad():
            logits = model.model(
                inputs_embeds=embeds, decoder_input_ids=torch.tensor([[model.pad, *target[:-1]]])
            ).logits[0]
        expected = logits.double().log_softmax(-1)[range(len(target)), target].sum().item()
        assert one.logprob == pytest.approx(expected, abs=1e-4)
        assert one.greedy == (logits.argmax(-1).tolist() == target)
        best = score(model, [prefixes[owner]], [0], [prompt], [logits.argmax(-1)[:1].tolist()])
        greedy += best[0].greedy
    assert greedy == len(OWNERS)
