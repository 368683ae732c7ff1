"""The mini language model: a small Llama trained on text only, with an exactly masked packing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from gvt.data import easy_vqa
from gvt.errors import UserError
from gvt.mini.tokenizer import build_tokenizer
from gvt.model.frame import CLOSE, OPEN
from gvt.model.packing import IGNORE, Packed, pack
from gvt.pretrain.texts import TextExample, stream

CONFIG = {
    "hidden_size": 160,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 432,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
    # 1/sqrt(hidden_size). With the usual 0.02, made for widths of 768 and up, attention starts
    # flat and looking things up is not learnt: loss 0.67 against 0.41 after 4,000 short scenes.
    "initializer_range": 0.08,
}
# The description itself cannot be foreseen; a little loss on it teaches its grammar.
_DESCRIPTION_WEIGHT = 0.05
# Batches whose examples are sorted by length together.
_WINDOW = 8


@dataclass
class Batch:
    """Packed examples, and the words that share a position of a description with its first word.

    ``more`` is int64[B, P, W] for the first P positions, -1 where there is none.
    """

    packed: Packed
    more: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(self.packed.to(device), self.more.to(device))


class LanguageObjective(nn.Module):
    """Next-token loss on answers, a little on the description, for packed text examples."""

    name = "lm"
    batch_size = 32
    lr = 1e-3
    # Muon finds the look-up circuits in about a third fewer steps than AdamW (60 against 90 for
    # listing, measured on short scenes); tables and norms stay with AdamW.
    muon_lr = 0.02

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self.recipe = {}
        extra = [text for _, pairs in easy_vqa.train_pairs() for pair in pairs for text in pair[:2]]
        self.tokenizer = build_tokenizer(sorted(set(extra)))
        config = LlamaConfig(
            vocab_size=len(self.tokenizer),
            bos_token_id=self.tokenizer.bos_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id,
            attn_implementation="eager",
            **CONFIG,
        )
        self.model = LlamaForCausalLM(config)

        @lru_cache(maxsize=200_000)
        def encode(text: str) -> tuple[int, ...]:
            return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

        self._encode = encode

    def batches(self, start: int, batch_size: int, rank: int, world: int) -> Iterator[Batch]:
        """Batches from sample ``start`` on; of every global batch this rank takes its share."""
        eos = (self.tokenizer.eos_token_id,)
        head = [(token,) for token in (self.tokenizer.bos_token_id, *self._encode(OPEN))]
        tail = [(token,) for token in self._encode(CLOSE)]
        step = start // batch_size
        while True:
            window = self._window(step // _WINDOW, batch_size)
            for rows in window[step % _WINDOW :]:
                rows = rows[rank::world]
                prefixes = [
                    [*head, *(tuple(map(self._word, bag)) for bag in bags), *tail]
                    for bags, _ in rows
                ]
                pairs = [
                    [
                        (self._encode(asked), (*self._encode(answer), *eos))
                        for asked, answer in pairs
                    ]
                    for _, pairs in rows
                ]
                firsts = [[bag[0] for bag in prefix] for prefix in prefixes]
                yield Batch(pack(firsts, pairs, self.tokenizer.pad_token_id), _rest(prefixes))
                step += 1

    def _word(self, word: str) -> int:
        (token,) = self._encode(word)
        return token

    def _window(self, number: int, batch_size: int) -> list[list[TextExample]]:
        """_WINDOW batches, each of examples of about one length: little padding is computed."""
        size = batch_size * _WINDOW
        rows = list(islice(stream(self.seed, number * size), size))
        rows.sort(
            key=lambda row: (
                sum(len(bag[0]) + 1 for bag in row[0])
                + sum(len(asked) + len(answer) for asked, answer in row[1])
            )
        )
        order = np.random.default_rng([self.seed, number]).permutation(_WINDOW)
        return [rows[i * batch_size : (i + 1) * batch_size] for i in order]

    def forward(self, batch: Batch) -> torch.Tensor:
        """Mean loss of the answers plus the down-weighted mean loss of the descriptions.

        Descriptions in which words share a position are left out of the latter: which word of a
        position would be the next?
        """
        packed = batch.packed
        logits = self.model(
            inputs_embeds=self._embed(batch),
            attention_mask=packed.mask(torch.float32),
            position_ids=packed.positions,
            use_cache=False,
        ).logits.float()
        answers = nn.functional.cross_entropy(
            logits.flatten(0, 1), packed.labels.flatten(), ignore_index=IGNORE
        )
        foreseen = (packed.group[:, 1:] == 0) & (batch.more < 0).all((1, 2))[:, None]
        following = packed.ids[:, 1:].masked_fill(~foreseen, IGNORE)
        description = nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), following.flatten(), ignore_index=IGNORE, reduction="sum"
        ) / foreseen.sum().clamp(min=1)
        return answers + _DESCRIPTION_WEIGHT * description

    def _embed(self, batch: Batch) -> torch.Tensor:
        """Embeddings float[B, T, D]; words at one position are added, at the scale of one word."""
        table = self.model.get_input_embeddings()
        embeds = table(batch.packed.ids)
        there = batch.more >= 0
        more = table(batch.more.clamp(min=0)) * there[..., None]
        width = batch.more.shape[1]
        bags = (embeds[:, :width] + more.sum(2)) / (1 + there.sum(2, keepdim=True)).sqrt()
        return torch.cat([bags, embeds[:, width:]], dim=1)

    def after_step(self, progress: float) -> None:
        """Nothing to do after an optimiser step."""

    def restore(self, folder: Path) -> None:
        """Go on from the weights of an earlier output. Raises UserError for another vocabulary."""
        weights = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
        if weights["model.embed_tokens.weight"].shape[0] != len(self.tokenizer):
            raise UserError(f"{folder}: its vocabulary is not this objective's")
        self.model.load_state_dict(weights)

    def save(self, folder: Path) -> None:
        """An ordinary Hugging Face folder with the tokenizer, weights in half precision."""
        self.model.to(torch.float16).save_pretrained(folder)
        self.model.float()
        self.tokenizer.save_pretrained(folder)


def _rest(prefixes: list[list[tuple[int, ...]]]) -> torch.Tensor:
    """All but the first word of every position: int64[B, P, W], -1 where there is none."""
    longest = max(map(len, prefixes))
    most = max(len(bag) for prefix in prefixes for bag in prefix) - 1
    none = [-1] * most
    rows = [
        [[*bag[1:], *none][:most] for bag in prefix] + [none] * (longest - len(prefix))
        for prefix in prefixes
    ]
    return torch.tensor(rows, dtype=torch.long)
