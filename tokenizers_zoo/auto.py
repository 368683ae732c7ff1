"""Cards made from a checkpoint's own config files; what these do not say is assumed and marked."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers_zoo.card import Card, CardError
from tokenizers_zoo.expression import column_name
from tokenizers_zoo.families import Family, families

# Part of every automatic card's name; raise it when the same files would give another card.
_VERSION = 1
_CONFIG = "config.json"
# transformers writes the second where a model has texts to process as well.
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_README = "README.md"


@dataclass(frozen=True)
class Fact:
    """A value of a card; `assumed` says on what ground, where the checkpoint says nothing."""

    value: Any
    assumed: str = ""


@dataclass(frozen=True)
class _Checkpoint:
    """name: as the user wrote it. checkpoint, revision: as a card does. files: where the config
    files lie."""

    name: str
    checkpoint: str
    revision: str | None
    files: Path


def automatic_card(name: str, folder: Path, tell: Callable[[str], None]) -> Card:
    """The card of a checkpoint that has none: `local:DIR`, or a hub id (`owner/model@revision`).

    It is written once, to `folder`, and read from there as long as the checkpoint's config files
    are the same; to change it, a user edits a copy. `tell` gets a few lines when it is written.
    Raises CardError (one line): no config, a model type of no family, preprocessing that no card
    can describe.
    """
    found = _local(name) if name.startswith("local:") else _hub(name)
    stem = f"{column_name(name)}-{_digest(found)[:8]}"
    path = folder / f"{stem}.yaml"
    if not path.exists():
        facts = _facts(found, stem)
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(_yaml(name, facts), encoding="utf-8")
        os.replace(part, path)
        _tell(name, path, facts, tell)
    return Card.load(path)


def _local(name: str) -> _Checkpoint:
    folder = Path(name.removeprefix("local:")).expanduser().resolve()
    if not f"{name}{folder}".isprintable():
        raise CardError(f"tokenizer {name!a}: a card cannot name a folder with such characters")
    if not folder.is_dir():
        raise CardError(f"tokenizer '{name}': there is no folder {folder}")
    if not (folder / _CONFIG).is_file():
        raise CardError(f"tokenizer '{name}': {folder} has no {_CONFIG}")
    return _Checkpoint(name, f"local:{folder}", None, folder)


def _hub(name: str) -> _Checkpoint:
    repo, _, revision = name.partition("@")
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        files = Path(download_config(repo, revision or None))
    except Exception as exc:
        # huggingface_hub raises a dozen classes: no such repository or revision, gated, offline.
        reason = " ".join(str(exc).split())[:200] or type(exc).__name__
        if isinstance(exc, LocalEntryNotFoundError):
            reason = "it cannot be reached, and the local cache does not hold it"
        raise CardError(
            f"tokenizer '{name}' is no card here, and the hub gives no {_CONFIG} of it: {reason}"
        ) from exc
    if not (files / _CONFIG).is_file():
        raise CardError(f"tokenizer '{name}': the hub's {repo} has no {_CONFIG}")
    # A snapshot's folder is called by its commit: the card stays with what it was made from.
    pinned = files.name if re.fullmatch(r"[0-9a-f]{40}", files.name) else revision or None
    return _Checkpoint(name, repo, pinned, files)


def download_config(repo: str, revision: str | None) -> str:
    """Folder of a hub checkpoint's config files, downloaded if need be; no weights."""
    import huggingface_hub

    return huggingface_hub.snapshot_download(
        repo, revision=revision, allow_patterns=[_CONFIG, *_PROCESSORS, _README]
    )


def _digest(found: _Checkpoint) -> str:
    digest = hashlib.sha256(f"{_VERSION} {found.checkpoint} {found.revision}".encode())
    for file in (_CONFIG, *_PROCESSORS):
        path = found.files / file
        digest.update(path.read_bytes() if path.is_file() else b"\0")
    return digest.hexdigest()


def _facts(found: _Checkpoint, stem: str) -> dict[str, Fact]:
    """Dotted key of a card → what it says there."""
    config = _json(found.files / _CONFIG)
    name, family = _family(found, config)
    parameters, architecture = _measure(found, family)
    from tokenizers_zoo.auto_image import image_facts

    processor = next((_json(p) for f in _PROCESSORS if (p := found.files / f).is_file()), {})
    processor = processor.get("image_processor", processor)
    usual = f"usual for family '{name}'"
    kind = str(config.get("model_type"))
    facts = {
        "name": Fact(stem),
        "title": Fact(found.name),
        "description": Fact("An automatic card, made from the checkpoint's config files."),
        "family": Fact(name),
        "checkpoint": Fact(found.checkpoint),
        "revision": Fact(found.revision),
        "parameters": Fact(parameters),
        "licence": _licence(found.files / _README),
        "source": Fact(found.checkpoint.removeprefix("local:")),
        "architecture": Fact(architecture),
    }
    try:
        facts |= image_facts(processor, (kind, *family.types), architecture["native"])
    except Exception as exc:
        # Ours are ValueErrors; of values that make no sense transformers raises whatever it meets.
        reason = " ".join(str(exc).split())[:200] or type(exc).__name__
        raise CardError(f"tokenizer '{found.name}': {reason}; write a card by hand") from exc
    return facts | {
        "features.layer": Fact(family.layer, usual),
        "features.final_norm": Fact(family.final_norm, usual),
        "features.drop": Fact(list(family.prefix), "patches alone" if family.prefix else ""),
    }


def _family(found: _Checkpoint, config: dict) -> tuple[str, Family]:
    kind = config.get("model_type")
    if not isinstance(kind, str):
        timm = "; timm's checkpoints need a card by hand" if "architecture" in config else ""
        raise CardError(f"tokenizer '{found.name}': its {_CONFIG} names no model_type{timm}")
    named = config.get("architectures") or ()
    for asked in (*(named if isinstance(named, list) else ()), kind):
        for name, family in families().items():
            if asked in family.types:
                return name, family
    served = ", ".join(
        f"{name} ({', '.join(f.types)})" for name, f in families().items() if f.types
    )
    raise CardError(
        f"tokenizer '{found.name}': no family takes its model_type '{kind}'; there are {served}; "
        f"a further one is a line in tokenizers_zoo/families.yaml with 'types: [{kind}]'"
    )


def _measure(found: _Checkpoint, family: Family) -> tuple[int, dict[str, int]]:
    """Parameters of the bare encoder, counted without its weights, and its `architecture`."""
    import torch
    import transformers

    model_class = getattr(transformers, family.model)
    try:
        config = model_class.config_class.from_pretrained(found.files)
        config.update(family.config)
        with torch.device("meta"):
            model = model_class._from_config(config, **family.arguments)
    except Exception as exc:
        # transformers raises a dozen unrelated classes for a config that makes no sense.
        reason = " ".join(str(exc).split())[:200] or type(exc).__name__
        raise CardError(
            f"tokenizer '{found.name}': its {_CONFIG} makes no encoder: {reason}"
        ) from exc
    registers = getattr(config, "num_register_tokens", 0)
    if registers != family.prefix.get("registers", 0):
        raise CardError(
            f"tokenizer '{found.name}': it has {registers} register tokens, the family "
            f"{family.prefix.get('registers', 0)}; add a family with 'registers: {registers}'"
        )
    native, patch = (
        value if isinstance(value, int) else value[0]
        for value in (config.image_size, config.patch_size)
    )
    known = {"width": config.hidden_size, "depth": config.num_hidden_layers, "patch": patch}
    return sum(p.numel() for p in model.parameters()), known | {"native": native}


def _licence(readme: Path) -> Fact:
    import huggingface_hub

    try:
        said = (huggingface_hub.metadata_load(readme) or {}).get("license")
    except (OSError, ValueError):
        said = None
    return Fact(said) if isinstance(said, str) else Fact("unknown", "no licence is stated")


def _json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise CardError(f"{path}: cannot be read as JSON ({exc})") from exc
    if not isinstance(content, dict):
        raise CardError(f"{path}: must hold one JSON object")
    return content


def _yaml(name: str, facts: dict[str, Fact]) -> str:
    lines = [
        f"# Automatic tokenizer card of {name}.",
        "# What the checkpoint does not say is assumed, on the grounds that `unverified` gives. To",
        "# change it, edit a copy in a folder of yours (a card is named as its file) and name the",
        "# folder by --include_path.",
    ]
    group = ""
    for key, fact in facts.items():
        parent, _, last = key.rpartition(".")
        if parent != group:
            lines.append(f"{parent}:")
            group = parent
        if fact.value is not None:
            mark = "  # assumed" if fact.assumed else ""
            lines.append(f"{'  ' if parent else ''}{last}: {_scalar(fact.value)}{mark}")
    lines.append("unverified:")
    lines += [
        f"  {key}: {_scalar(f'assumed: {fact.assumed}')}"
        for key, fact in facts.items()
        if fact.assumed
    ]
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    """JSON, which is YAML, and quotes whatever a path or a licence may hold."""
    return json.dumps(value, ensure_ascii=False)


def _tell(name: str, path: Path, facts: dict[str, Fact], tell: Callable[[str], None]) -> None:
    tell(f"automatic card of {name}: {path}")
    for ground in dict.fromkeys(fact.assumed for fact in facts.values() if fact.assumed):
        guesses = (
            f"{key.rpartition('.')[2]} {_scalar(fact.value)}"
            for key, fact in facts.items()
            if fact.assumed == ground
        )
        tell(f"  assumed ({ground}): {', '.join(guesses)}")
    tell("  Where that is wrong, edit a copy and name its folder by --include_path.")
