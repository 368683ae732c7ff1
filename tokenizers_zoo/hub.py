"""Finds a checkpoint's safetensors on a hub, or says in one line why there are none."""

from collections.abc import Sequence

import huggingface_hub
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from tokenizers_zoo import fit
from tokenizers_zoo.card import Card, CardError

_MAIN = "main"


def fetch(card: Card, names: Sequence[str]) -> str:
    """Download the first of the files `names` that the card's hub id and revision hold; its path.

    Asked before a library loads anything: transformers answers missing safetensors of an unpinned
    checkpoint by having a public service convert them, which is nobody's to start unasked.
    Raises CardError.
    """
    revision = card.revision or _MAIN
    for name in names:
        try:
            return huggingface_hub.hf_hub_download(card.checkpoint, name, revision=revision)
        except LocalEntryNotFoundError as exc:
            if name == names[-1]:
                raise CardError(
                    f"{card.path}: {card.checkpoint} at revision {revision} is not in the local "
                    f"cache ({name}), and the hub cannot be reached"
                ) from exc
        except EntryNotFoundError:
            continue
        except Exception as exc:
            # Unknown repository or revision, gated, no access, no room.
            raise fit.cannot_load(card, exc) from exc
    known = card.unverified.get("revision")
    note = f" [the card notes: {known}]" if known else ""
    raise CardError(
        f"{card.path}: {card.checkpoint} at revision {revision} holds no {names[0]}, and other "
        "formats are not read; name a `revision` that holds it, or convert it once "
        f"(docs/tokenizers.md, Weights) and write `checkpoint: local:DIR`{note}"
    )
