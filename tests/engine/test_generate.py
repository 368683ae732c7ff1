"""Batched answers behind shared prefixes: the same as transformers gives to each prompt alone."""

import copy

import pytest
import torch
from transformers import Gemma3TextConfig, LlamaConfig, MistralConfig, Qwen2Config

from gvt.engine.generate import Decoding, generate
from gvt.model.language import LanguageModel

LIMIT = 8
SIZE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
    "tie_word_embeddings": False,
}
GROUPED = {**SIZE, "num_key_value_heads": 2}
CONFIGS = {
    "llama": lambda window: LlamaConfig(**SIZE),
    "mistral": lambda window: MistralConfig(**GROUPED, sliding_window=window),
    "qwen2": lambda window: Qwen2Config(
        **GROUPED, use_sliding_window=True, sliding_window=window, max_window_layers=1
    ),
    "gemma3": lambda window: Gemma3TextConfig(
        **GROUPED,
        head_dim=8,
        sliding_window=window,
        layer_types=["sliding_attention", "full_attention"],
        query_pre_attn_scalar=8,
    ),
}
# Prompts of one image are neither side by side nor of one length.
LENGTHS = (9, 3, 6)
OWNERS = (1, 0, 2, 0, 1, 2, 0, 1, 2, 0)


@pytest.fixture(scope="module")
def make(save_llm):
    """A random model of a kind whose end token comes early now and then, and a noise source."""

    def make(kind, window):
        model = LanguageModel.load(str(save_llm(CONFIGS[kind](window), seed=2)))
        model.model.lm_head.weight[model.eos] *= 3
        return model, torch.Generator().manual_seed(7)

    return make


@pytest.fixture(scope="module", params=CONFIGS)
def case(request, make):
    """A model whose window, if it has one, holds every sequence; with prefixes and prompts."""
    model, noise = make(request.param, window=24)
    return model, *inputs(model, noise, LENGTHS, [1 + number % 4 for number in range(len(OWNERS))])


def inputs(model, noise, lengths, sizes):
    prefixes = [torch.randn(length, model.dim, generator=noise) * model.scale for length in lengths]
    prompts = [torch.randint(7, 80, (size,), generator=noise).tolist() for size in sizes]
    return prefixes, prompts


def answers(model, prefixes, owners, prompts, **options):
    decoding = Decoding(**{"limit": LIMIT, **options})
    return generate(model, prefixes, owners, prompts, [decoding] * len(prompts))


def alone(model, prefix, prompt, **options):
    """What transformers' own generate says, as (text, truncated)."""
    embeds = torch.cat([prefix, model.embed(torch.tensor(prompt))])[None]
    ids = model.model.generate(
        inputs_embeds=embeds,
        attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long),
        do_sample=False,
        max_new_tokens=LIMIT,
        eos_token_id=model.eos,
        pad_token_id=model.pad,
        **options,
    )[0].tolist()
    ended = model.eos in ids
    return model.decode(ids[: ids.index(model.eos)] if ended else ids), not ended


def test_answers_are_those_of_every_prompt_alone(case):
    model, prefixes, prompts = case
    wanted = [
        alone(model, prefixes[owner], prompt) for owner, prompt in zip(OWNERS, prompts, strict=True)
    ]
    # The case must be able to fail: answers that differ, some ended early and some cut.
    assert len({text for text, _ in wanted}) > len(wanted) // 2
    assert {cut for _, cut in wanted} == {True, False}
    found = answers(model, prefixes, OWNERS, prompts)
    assert [(one.text, one.truncated) for one in found] == wanted


def test_one_at_a_time_or_all_at_once(case):
    model, prefixes, prompts = case
    together = answers(model, prefixes, OWNERS, prompts)
    for owner, prompt, wanted in zip(OWNERS, prompts, together, strict=True):
        assert answers(model, [prefixes[owner]], [0], [prompt]) == [wanted]


def test_the_limit_cuts(case):
    model, prefixes, prompts = case
    long = answers(model, prefixes, OWNERS, prompts)
    short = answers(model, prefixes, OWNERS, prompts, limit=2)
    assert [one.text for one in short] != [one.text for one in long]
    for cut, whole in zip(short, long, strict=True):
        assert whole.text.startswith(cut.text)
        if not cut.truncated:
            assert cut == whole


@pytest.mark.parametrize("kind", ["mistral", "qwen2", "gemma3"])
@pytest.mark.parametrize("lengths", [(9, 9, 9), (9, 3, 7)])
def test_a_window_shorter_than_the_text(kind, lengths, make):
    model, noise = make(kind, window=6)
    prefixes, prompts = inputs(model, noise, lengths, [1, 2, 3, 4, 5] * 2)
    wanted = [
        alone(model, prefixes[owner], prompt) for owner, prompt in zip(OWNERS, prompts, strict=True)
    ]
    found = answers(model, prefixes, OWNERS, prompts)
    assert [(one.text, one.truncated) for one in found] == wanted
    wide, _ = make(kind, window=64)
    without = answers(wide, prefixes, OWNERS, prompts)
    assert [one.text for one in without] != [one.text for one in found], "the window never cut"


@pytest.mark.parametrize("beams,penalty", [(2, 1.0), (5, 1.0), (5, 0.0), (4, -1.0)])
def test_beams_are_those_of_every_prompt_alone(case, beams, penalty):
    model, prefixes, prompts = case
    options = {"num_beams": beams, "length_penalty": penalty}
    wanted = [
        alone(model, prefixes[owner], prompt, **options)
        for owner, prompt in zip(OWNERS, prompts, strict=True)
    ]
    found = answers(model, prefixes, OWNERS, prompts, beams=beams, length_penalty=penalty)
    assert [(one.text, one.truncated) for one in found] == wanted
    greedy = answers(model, prefixes, OWNERS, prompts)
    assert [one.text for one in greedy] != [one.text for one in found]


def test_greedy_and_beams_and_limits_in_one_batch(case):
    model, prefixes, prompts = case
    mixed = [Decoding(limit=1 + i % LIMIT, beams=1 + 2 * (i % 3 == 0)) for i in range(len(OWNERS))]
    together = generate(model, prefixes, OWNERS, prompts, mixed)
    for owner, prompt, decoding, wanted in zip(OWNERS, prompts, mixed, together, strict=True):
        assert generate(model, [prefixes[owner]], [0], [prompt], [decoding]) == [wanted]


def test_a_stop_ends_the_answer_where_it_is_first_met(case):
    model, prefixes, prompts = case
    whole = answers(model, prefixes, OWNERS, prompts)
    varied = max((one.text.split() for one in whole), key=lambda words: len(set(words)))
    stop = list(dict.fromkeys(varied))[-1]
    cut = answers(model, prefixes, OWNERS, prompts, until=(stop, "never said"))
    assert " ".join(varied).partition(stop)[0].strip() in {one.text for one in cut}
    for one, before in zip(cut, whole, strict=True):
        assert one.text == before.text.partition(stop)[0].strip()
        assert one.truncated == (before.truncated and stop not in before.text)


def test_a_stop_that_is_a_special_token_stops(case, monkeypatch):
    """Decoded text does not show it, so the token itself must be looked for."""
    model, prefixes, prompts = case
    wanted = answers(model, prefixes, OWNERS, prompts)
    word = next(w for one in wanted for w in one.text.split())
    monkeypatch.setattr(model, "tokenizer", copy.deepcopy(model.tokenizer))
    model.tokenizer.add_special_tokens(
        {"additional_special_tokens": [*model.tokenizer.all_special_tokens, word]}
    )
    found = answers(model, prefixes, OWNERS, prompts, until=(word,))
    hit = 0
    for before, after in zip(wanted, found, strict=True):
        words = before.text.split()
        if word in words:
            assert after.text.split() == words[: words.index(word)]
            assert not after.truncated
            hit += 1
    assert hit
