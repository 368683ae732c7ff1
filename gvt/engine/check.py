"""Whether the engine computes what a language model computes: asked once, before it answers."""

from __future__ import annotations

from functools import lru_cache

import torch

from gvt.engine.generate import Decoding, generate
from gvt.engine.score import score
from gvt.errors import UserError
from gvt.model.language import LanguageModel

_PREFIXES, _OWNERS, _PROMPTS, _ANSWERS = (5, 9), (0, 0, 1), (2, 3, 1), (2, 1, 2)
# Of a log-probability, relative; another kind of attention is off by far more.
_TOLERANCE, _HALF_TOLERANCE = 1e-2, 5e-2


@lru_cache(maxsize=8)
def check(llm: LanguageModel) -> None:
    """Compare a few scored texts with plain full forwards, and answer two tokens.

    Raises UserError for models whose attention is not a matter of masks and positions alone:
    distances built into the scores (ALiBi), windows of their own, recurrence; and for those that
    read embeddings otherwise than the tokens they stand for.
    """
    kind = llm.model.config.model_type
    if "local" in getattr(llm.model.config, "attention_layers", ()):
        reason = "layers that see 256 tokens only"  # longer than any quick comparison
        raise UserError(f"language model '{llm.name}' ({kind}) is not supported: {reason}")
    try:
        _compare(llm)
    except UserError:
        raise
    except Exception as error:  # models of other kinds fail in ways of their own
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"language model '{llm.name}' ({kind}) is not supported: {reason}"
        ) from error


@torch.no_grad()
def _compare(llm: LanguageModel) -> None:
    noise = torch.Generator().manual_seed(0)
    size = llm.model.get_input_embeddings().num_embeddings

    def draw(lengths: tuple[int, ...]) -> list[list[int]]:
        return [torch.randint(0, size, (n,), generator=noise).tolist() for n in lengths]

    texts, prompts, answers = draw(_PREFIXES), draw(_PROMPTS), draw(_ANSWERS)
    prefixes = [llm.embed_ids(text) for text in texts]
    found = score(llm, prefixes, _OWNERS, prompts, answers)
    tolerance = _TOLERANCE if llm.model.dtype == torch.float32 else _HALF_TOLERANCE
    for owner, prompt, answer, one in zip(_OWNERS, prompts, answers, found, strict=True):
        logprobs = _alone(llm, [*texts[owner], *prompt], answer).float().log_softmax(-1)
        wanted = logprobs[range(len(answer)), answer].sum().item()
        if abs(wanted - one.logprob) > tolerance * max(1.0, abs(wanted)):
            raise ValueError(f"log-probability {one.logprob:.3f}, alone {wanted:.3f}")
    generate(llm, prefixes, _OWNERS, prompts, [Decoding(2)] * len(prompts))


def _alone(llm: LanguageModel, before: list[int], answer: list[int]) -> torch.Tensor:
    """Logits at the tokens of an answer, by one plain forward of all of its text."""
    if llm.seq2seq:
        labels = torch.tensor([answer], device=llm.device)
        shifted = llm.model.prepare_decoder_input_ids_from_labels(labels)
        encoded = torch.tensor([before], device=llm.device)
        return llm.model(input_ids=encoded, decoder_input_ids=shifted, use_cache=False).logits[0]
    ids = torch.tensor([[*before, *answer]], device=llm.device)
    return llm.model(input_ids=ids, use_cache=False).logits[0, len(before) - 1 : -1]
