"""What is run: suites, recipes and the options of one run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml

from gvt import yaml_files
from gvt.claims import Claim, check_columns, unknown_column
from gvt.data.training_files import PLACES, TrainingFiles
from gvt.errors import UserError
from gvt.model.frame import frame_label
from gvt.short_forms import columns_of_names, place_data
from gvt.yaml_files import FieldError

# Rows that frame every score: column → card. `text` is the ceiling: no encoder, the LLM is given
# the true scene as text.
CONTROLS = MappingProxyType({"blind": "blind", "random": "mini-random", "text": "text"})

# They describe one file: neither inherited by a child nor part of a hash.
_DESCRIBING = frozenset({"name", "title", "description", "claims"})
# A column and a suite name folders and files of a run (leaderboard.schema asks for the same).
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,+@=~-]*")


class _Content:
    """What suites and recipes share: a plain form for run.json and a hash of what matters."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def hash(self) -> str:
        """Return the SHA-256 (hex) of the content, without what describes it."""
        return hashlib.sha256(json.dumps(self._content(), sort_keys=True).encode()).hexdigest()

    def _content(self) -> dict[str, Any]:
        return {k: v for k, v in self.to_dict().items() if k not in _DESCRIBING}


@dataclass(frozen=True)
class Suite(_Content):
    """Which tokenizers are compared, by which language model, on which tasks.

    tokenizers: column → what ``--tokenizers`` takes: a card, an expression, a path or a hub id.
    controls: ``blind``, ``random``, ``text`` → the same.
    models: column → folder or hub id of a published LLaVA, compared as it is.
    llm: a shipped model's name, a folder, a GGUF file or a hub id. apply_chat_template: prompts go
    through its chat template, in training too. recipe: name of the alignment recipe; recipes:
    column → recipe of those that have one of their own.
    tasks: none where a suite is only aligned. seeds: one alignment each.
    limit: samples a task, or a fraction below 1; None means all.
    claims: what the report gives a verdict on.

    Raises FieldError for values that make no sense.
    """

    name: str
    tokenizers: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    controls: dict[str, str] = field(default_factory=lambda: dict(CONTROLS))
    llm: str = "mini-lm"
    apply_chat_template: bool = False
    recipe: str = "mini"
    recipes: dict[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    limit: int | float | None = None
    claims: tuple[Claim, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *self.tokenizers, *self.models):
            if not _NAME.fullmatch(name):
                where = "name" if name == self.name else "tokenizers"
                raise FieldError(where, f"'{name}' cannot be part of a file name")
        for name in self.controls:
            if name not in CONTROLS:
                raise FieldError("controls", f"'{name}' is none of {', '.join(CONTROLS)}")
            if name in self.tokenizers:
                raise FieldError("tokenizers", f"column '{name}' is a control already")
        if self.controls.get("text", "text") != "text":
            raise FieldError("controls", "'text' has no card; write 'text: text'")
        for name in self.models:
            if name in self.columns:
                raise FieldError("models", f"column '{name}' is there already")
        if not self.tokenizers and not self.models:
            raise FieldError("tokenizers", "is empty")
        _need_unique("tasks", self.tasks)
        _need_unique("seeds", self.seeds)
        if not self.seeds:
            raise FieldError("seeds", "is empty")
        if min(self.seeds) < 0:
            raise FieldError("seeds", "must be 0 or more")
        if self.limit is not None:
            _need_positive(self, "limit")
            if self.limit > 1 and not float(self.limit).is_integer():
                raise FieldError("limit", "must be a whole number, or a fraction below 1")
        aligned = [column for column in self.columns if column != "text"]
        for column in self.recipes:
            if column not in aligned:
                raise unknown_column("recipes", f"column '{column}'", column, aligned)
        check_columns(self.claims, [*self.columns, *self.models])

    def _content(self) -> dict[str, Any]:
        """Where all columns share one recipe, the hash is that of suites that know no other."""
        content = super()._content()
        return content if self.recipes else {k: v for k, v in content.items() if k != "recipes"}

    @property
    def framed_llm(self) -> str:
        """The language model with its frame, as ``LanguageModel.name`` tells it."""
        return frame_label(self.llm, self.apply_chat_template)

    @property
    def columns(self) -> dict[str, str]:
        """All columns with an encoder or in its place, tokenizers first: column → card name."""
        return {**self.tokenizers, **self.controls}


@dataclass(frozen=True)
class Connector:
    """The trained part between patch features and the language model.

    latents, depth, heads, head_dim, ffn_mult and positions shape a ``perceiver`` (Flamingo,
    Alayrac et al. 2022, §3.1.1); ``linear`` and ``mlp`` use none of them but positions.
    positions: what is added to the patch features to tell where on the grid each patch was.
    """

    type: Literal["perceiver", "linear", "mlp"] = "perceiver"
    latents: int = 32
    depth: int = 6
    heads: int = 16
    head_dim: int = 96
    ffn_mult: int = 4
    positions: Literal["none", "sincos"] = "none"

    def __post_init__(self) -> None:
        _need_positive(self, "latents", "depth", "heads", "head_dim", "ffn_mult")


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters of the language model's linear layers (Hu et al. 2021)."""

    rank: int = 16
    alpha: int = 32

    def __post_init__(self) -> None:
        _need_positive(self, "rank", "alpha")


Part = Literal["connector", "tokenizer", "llm", "lora"]


@dataclass(frozen=True)
class Stage:
    """One stage of the alignment: AdamW at ``lr`` after a warm-up, on one source of data.

    data: name of the training data, or files of the user's own.
    questions_per_image: how many share one sequence.
    trains: the parts that move; ``tokenizer_lr`` and ``llm_lr`` (also of LoRA) are ``lr`` if None.
    muon_lr: train the connector's linear layers with Muon (Jordan et al. 2024) at this rate.
    frame: how prompts are put: as the ``suite`` says, ``plain``, or through the ``chat`` template.
    batch_size: images of an optimiser step, whatever the number of processes;
    gradient_accumulation: in how many parts each process computes its share of them.
    held_out: share of the images that only tell the held-out loss.
    """

    name: str
    data: str | TrainingFiles
    steps: int
    batch_size: int
    lr: float
    muon_lr: float | None = None
    questions_per_image: int = 1
    warmup_steps: int = 0
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    trains: tuple[Part, ...] = ("connector",)
    tokenizer_lr: float | None = None
    llm_lr: float | None = None
    frame: Literal["suite", "plain", "chat"] = "suite"
    gradient_accumulation: int = 1
    clip_norm: float = 1.0
    held_out: float = 0.0

    def __post_init__(self) -> None:
        _need_positive(self, "steps", "batch_size", "questions_per_image", "clip_norm")
        _need_positive(self, "gradient_accumulation")
        for name in ("lr", "muon_lr", "tokenizer_lr", "llm_lr"):
            if getattr(self, name) is not None:
                _need_positive(self, name)
                if getattr(self, name) == math.inf:
                    raise FieldError(name, "must be finite")
        if not self.trains:
            raise FieldError("trains", "is empty")
        _need_unique("trains", self.trains)
        if self.gradient_accumulation > self.batch_size:
            raise FieldError("gradient_accumulation", f"is above batch_size ({self.batch_size})")
        if not 0 <= self.held_out < 1:
            raise FieldError("held_out", "must be 0 or more and below 1")
        if self.held_out and self.streamed:
            raise FieldError("held_out", "cannot be taken off a stream, which is read as it comes")
        if not 0 <= self.warmup_steps <= self.steps:
            raise FieldError("warmup_steps", f"must be 0 to steps ({self.steps})")
        if not 0 <= self.weight_decay < math.inf:
            raise FieldError("weight_decay", "must be 0 or more, and finite")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise FieldError("betas", "must be 0 or more and below 1")

    @property
    def streamed(self) -> bool:
        """Whether images come one after the other, with no way to any but the next."""
        return isinstance(self.data, TrainingFiles) and self.data.streamed


@dataclass(frozen=True)
class Recipe(_Content):
    """How a connector is trained: its shape, and stages that run one after the other."""

    name: str
    stages: tuple[Stage, ...]
    title: str = ""
    description: str = ""
    connector: Connector = field(default_factory=Connector)
    lora: Lora = field(default_factory=Lora)

    def __post_init__(self) -> None:
        if not self.stages:
            raise FieldError("stages", "is empty")
        _need_unique("stages", [stage.name for stage in self.stages])
        if self.tunes("llm") and self.tunes("lora"):
            raise FieldError("stages", "train both 'llm' and 'lora': a recipe takes one of them")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe that ``to_dict`` wrote; fields that came later have their defaults."""
        own = dict(values)
        made = {kind: make(**own[kind]) for kind, make in _SHAPES.items() if kind in own}
        return cls(**own | made | {"stages": tuple(_stage(one) for one in own["stages"])})

    def tunes(self, part: Part) -> bool:
        """Whether any stage trains ``part``."""
        return any(part in stage.trains for stage in self.stages)

    @property
    def streams(self) -> bool:
        """Whether any stage reads a stream."""
        return any(stage.streamed for stage in self.stages)

    def _content(self) -> dict[str, Any]:
        """Where files of data lie does not count: what they hold has a hash of its own."""
        content = super()._content()
        for stage in content["stages"]:
            if isinstance(stage["data"], dict):
                stage["data"] = {k: v for k, v in stage["data"].items() if k not in PLACES}
        return content

    @property
    def steps(self) -> int:
        """Optimiser steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def samples(self) -> int:
        """Images that all stages see."""
        return sum(stage.steps * stage.batch_size for stage in self.stages)


_SHAPES = {"connector": Connector, "lora": Lora}


def _stage(values: Mapping[str, Any]) -> Stage:
    own = _tuples(values)
    if isinstance(own["data"], dict):
        own["data"] = TrainingFiles(**_tuples(own["data"]))
    return Stage(**own)


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out: nothing in here changes what is computed, but for the limit.

    output_path: the run directory. batch_size: None lets the engine choose.
    limit: as in the suite, where a flag has been applied already.
    include_path: the user's folders of cards, tasks, suites and recipes.
    device: ``cpu`` leaves a GPU alone. precision: ``auto``, or accelerate's mixed precision.
    argv: the command, for run.json. log_with: experiment trackers (``gvt.tracking``), by
    name or as accelerate's GeneralTracker.
    """

    output_path: Path
    batch_size: int | None = None
    limit: int | float | None = None
    include_path: tuple[Path, ...] = ()
    log_samples: bool = False
    dry_run: bool = False
    device: str | None = None
    precision: str = "auto"
    argv: tuple[str, ...] = ()
    log_with: tuple[Any, ...] = ()
    debug: bool = False


def load_suite(path: Path, named: Mapping[str, Path] = MappingProxyType({})) -> Suite:
    """Read a suite; ``named`` are the suites that ``include:`` can call by name.

    Raises:
        UserError: with file and line.
    """
    node = _load(path, named)
    for index, (key, value) in enumerate(node.value):
        if key.value in ("tokenizers", "controls") and isinstance(value, yaml.SequenceNode):
            usual = CONTROLS if key.value == "controls" else None
            node.value[index] = (key, columns_of_names(value, usual))
    return yaml_files.build(Suite, node, path, name=path.stem)


def load_recipe(path: Path, named: Mapping[str, Path] = MappingProxyType({})) -> Recipe:
    """Read an alignment recipe; ``named`` are those that ``include:`` can call by name.

    Raises:
        UserError: with file and line.
    """
    node = _load(path, named)
    place_data(node)
    return yaml_files.build(Recipe, node, path, name=path.stem)


def find_include(name: str, asking: Path, named: Mapping[str, Path]) -> Path | None:
    """Return the file that ``include: name`` in file ``asking`` means: a path, else a name."""
    for candidate in (asking.parent / name, asking.parent / f"{name}.yaml"):
        if candidate.is_file() and candidate.resolve() != asking.resolve():
            return candidate
    other = named.get(name)
    if other is None and name in (asking.name, asking.stem):
        return asking  # it includes itself, and is told so
    return other


def _load(path: Path, named: Mapping[str, Path]) -> yaml.MappingNode:
    """Layers of ``path`` as one node; ``name`` is checked against the file's and taken out."""
    node = yaml_files.compose_layers(
        path, lambda name, asking: find_include(name, asking, named), _DESCRIBING
    )
    for key, value in node.value:
        if key.value == "name" and value.value != path.stem:
            problem = f"name is '{value.value}', but the file is called '{path.name}'"
            raise UserError(f"{yaml_files.place(key)}: {problem}")
    node.value = [pair for pair in node.value if pair[0].value != "name"]
    return node


def _need_positive(owner: Any, *names: str) -> None:
    for name in names:
        if not getattr(owner, name) > 0:  # nor is .nan
            raise FieldError(name, "must be above 0")


def _need_unique(name: str, values: Any) -> None:
    doubled = [value for value in values if list(values).count(value) > 1]
    if doubled:
        raise FieldError(name, f"'{doubled[0]}' stands twice")
