"""The tokenizer card: a strict YAML file that fixes all about one encoder. No torch here."""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tokenizers_zoo import strict_yaml
from tokenizers_zoo.citations import citations
from tokenizers_zoo.families import LATER, families

BUILTIN_CARDS = Path(__file__).with_name("cards")
_LOCAL = "local:"
# `family` or `family/split`; leaderboard/contamination.py compares them with those of tasks.
_DATA_SET = re.compile(r"[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9.-]*)?")
# Part of every hash; raise it when the code that makes features changes what comes out.
_FEATURES_VERSION = 1


class CardError(ValueError):
    """A card that cannot be read, or whose weights are missing or do not fit; one clear line."""


@dataclass(frozen=True)
class ImageSpec:
    """How an image becomes pixels.

    size: edge of the square the encoder sees, in pixels.
    mean, std: per channel (R, G, B), of pixels after rescaling.
    resize: `stretch` to the square, or `shortest_edge_center_crop` (keeps the aspect ratio).
    interpolation: PIL's filter for the resize.
    rescale: factor from 0…255 to the range that mean and std are given in.
    resize_to: what `resize` resizes to, in pixels, of which the centre `size` is cut out: edge of
        the square for `stretch`, else the shortest edge. None: `size`, nothing more is cut.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: Literal["stretch", "shortest_edge_center_crop"]
    interpolation: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
    rescale: float = 1 / 255
    resize_to: int | None = field(default=None, metadata=LATER)

    def at(self, size: int) -> "ImageSpec":
        """The same for another `size`; `resize_to` grows in proportion: the same part is seen."""
        wider = self.resize_to and round(self.resize_to * size / self.size)
        return dataclasses.replace(self, size=size, resize_to=wider)


@dataclass(frozen=True)
class FeatureSpec:
    """Which hidden states are the patch features.

    layer: index into the encoder's hidden states (0 = embeddings, -1 = after the last layer).
    final_norm: whether the encoder's final LayerNorm is applied to that layer.
    drop: kinds of prefix tokens left out (`cls`, `distillation`, `registers`).
    """

    layer: int
    final_norm: bool
    drop: tuple[str, ...]


@dataclass(frozen=True)
class Architecture:
    """What the checkpoint's configuration says, so that tokens and width are known without it.

    width: of a feature. depth: layers. patch: edge of a patch, in pixels.
    native: edge of the images that its positions were made for, in pixels; at another
        `image.size` they are interpolated.
    """

    width: int
    depth: int
    patch: int
    native: int


@dataclass(frozen=True)
class Card:
    """One visual tokenizer, as its YAML file says.

    name: what `--tokenizers` takes; equals the file's stem.
    family: key of `families.yaml`.
    parameters: of the encoder alone, without heads.
    checkpoint: a hub id with its `revision`, or `local:DIR`, DIR relative to the card's folder.
    init: `pretrained`, or `random`: weights drawn from `seed` for the checkpoint's config.json.
    checkpoint, image, features: None for a family without a network (`blind`), else required.
    citation: BibTeX, or in the file the key of an entry in `citations.bib`.
    source: where the weights come from.
    pretraining_data: data sets whose images its weights have seen, `coco/train2017` or `coco` where
        the split is unknown; `web/NAME` for what was crawled and has no list to look things up in.
    architecture: for plans and lists; a checkpoint that contradicts it is an error.
    unverified: what on the card nobody has checked against the checkpoint: key → why.
    path: the file it was read from.
    """

    name: str
    title: str
    description: str
    family: str
    parameters: int
    licence: str
    source: str
    path: Path
    citation: str = ""
    pretraining_data: tuple[str, ...] = ()
    checkpoint: str | None = None
    revision: str | None = None
    init: Literal["pretrained", "random"] = "pretrained"
    seed: int | None = None
    image: ImageSpec | None = None
    features: FeatureSpec | None = None
    architecture: Architecture | None = None
    unverified: dict = field(default_factory=dict, hash=False)

    @classmethod
    def load(cls, path: str | Path) -> "Card":
        """Read a card. Raises CardError, one line naming file, line and the nearest valid key."""
        path = Path(path)
        card, lines = strict_yaml.read(path, cls, CardError, path=path)
        _check(card, lines)
        if card.citation and not card.citation.startswith("@"):
            return dataclasses.replace(card, citation=citations()[card.citation])
        return card

    @property
    def folder(self) -> Path | None:
        """Folder of a local checkpoint; None for a hub id and for families without a network."""
        if self.checkpoint is None or not self.checkpoint.startswith(_LOCAL):
            return None
        return (self.path.parent / self.checkpoint.removeprefix(_LOCAL)).resolve()

    @property
    def encoders(self) -> "tuple[Card, ...]":
        """Itself: the one encoder whose features it describes (see `protocol.TokenizerCard`)."""
        return (self,)

    def hash(self) -> str:
        """sha256 (hex) of everything that affects features, and of nothing else.

        A local checkpoint counts by the content of its files, so moving it keeps the hash and
        training it anew changes it; a hub checkpoint counts by id and revision.
        Raises CardError if local files are missing.
        """
        return _sha256(self._pass() | {"features": self.features and _counted(self.features)})

    def pass_hash(self) -> str:
        """sha256 (hex) of the encoder and of what it is shown; raises as `hash`.

        Cards that are equal in it differ in `features` alone: one forward pass serves them all.
        """
        return _sha256(self._pass())

    def _pass(self) -> dict:
        if self.folder is None:
            weights = [self.checkpoint, self.revision]
        else:
            weights = [_digest(file) for file in self.weight_files()]
        return {
            "version": _FEATURES_VERSION,
            "family": _counted(families()[self.family]),
            "weights": weights,
            "init": [self.init, self.seed],
            "image": self.image and _counted(self.image),
        }

    def weight_files(self) -> list[Path]:
        """Files of a local checkpoint that are read: config.json, then safetensors unless random.

        Empty for a hub checkpoint. Raises CardError if a file is not there.
        """
        if self.folder is None:
            return []
        if not self.folder.is_dir():
            raise CardError(f"{self.path}: checkpoint folder {self.folder} does not exist")
        files = [self.folder / "config.json"]
        if not files[0].is_file():
            raise CardError(f"{self.path}: checkpoint folder {self.folder} has no config.json")
        if self.init == "pretrained":
            files += sorted(self.folder.glob("*.safetensors"))
            if len(files) == 1:
                raise CardError(f"{self.path}: {self.folder} has no weights (*.safetensors)")
        return files


_KEYS = [
    *(f.name for f in dataclasses.fields(Card)),
    *(f"image.{f.name}" for f in dataclasses.fields(ImageSpec)),
    *(f"features.{f.name}" for f in dataclasses.fields(FeatureSpec)),
]


def find_cards(dirs: Iterable[str | Path]) -> dict[str, Path]:
    """Cards below `dirs` (whole trees), name → path, sorted by name; reads no card in full.

    A YAML file is a card if it has a top-level `family:` or `checkpoint:` key, so a user's folder
    may hold tasks and suites beside cards. A later folder's card replaces an earlier one's.
    Raises CardError for a missing folder, or two cards of one name in one tree.
    """
    found: dict[str, Path] = {}
    for folder in map(Path, dirs):
        if not folder.is_dir():
            raise CardError(f"{folder}: no such folder of cards")
        tree: dict[str, Path] = {}
        for path in sorted(folder.rglob("*.yaml")):
            # A pattern, not a parse: a card with broken YAML must be found, to be complained of.
            if not re.search(rb"^(family|checkpoint)\s*:", path.read_bytes(), re.MULTILINE):
                continue
            if path.stem in tree:
                raise CardError(f"{path}: a second card '{path.stem}', beside {tree[path.stem]}")
            tree[path.stem] = path
        found |= tree
    return dict(sorted(found.items()))


def _check(card: Card, lines: strict_yaml.Lines) -> None:
    """What types cannot say. Raises CardError at the line of the offending key."""
    if card.name != card.path.stem:
        lines.fail("name", f"name is '{card.name}', but the file is called '{card.path.name}'")
    if card.family not in families():
        hint = strict_yaml.nearest(card.family, families())
        lines.fail("family", f"unknown family '{card.family}'; {hint}")
    family = families()[card.family]
    for key in ("checkpoint", "image", "features"):
        if family.model and getattr(card, key) is None:
            lines.fail(key, f"key '{key}' is missing; family '{card.family}' needs it")
        if not family.model and getattr(card, key) is not None:
            lines.fail(key, f"key '{key}' has no meaning for family '{card.family}'")
    if card.citation and not card.citation.startswith("@") and card.citation not in citations():
        hint = strict_yaml.nearest(card.citation, citations())
        lines.fail("citation", f"no BibTeX, and '{card.citation}' is not in citations.bib; {hint}")
    for key, reason in card.unverified.items():
        if key not in _KEYS:
            hint = strict_yaml.nearest(key, _KEYS)
            lines.fail("unverified", f"unverified: a card has no key '{key}'; {hint}")
        if not isinstance(reason, str):
            lines.fail("unverified", f"unverified.{key} must be text that says why")
    for name in card.pretraining_data:
        if not _DATA_SET.fullmatch(name):
            form = "lower-case letters, digits, dots and hyphens, with a split: 'coco/val2014'"
            lines.fail("pretraining_data", f"pretraining_data: '{name}' is no such name: {form}")
    if card.pretraining_data and card.init == "random":
        lines.fail("pretraining_data", "key 'pretraining_data' has no meaning for 'init: random'")
    if (card.init == "random") != (card.seed is not None):
        lines.fail("seed", "key 'seed' goes with 'init: random', and with nothing else")
    if card.image and card.image.size < 1:
        lines.fail("image.size", f"image.size must be at least 1 pixel, not {card.image.size}")
    if card.image and card.image.size > (card.image.resize_to or card.image.size):
        lines.fail("image.resize_to", "image.resize_to must not be below image.size")
    if card.image and min(card.image.std) <= 0:
        lines.fail("image.std", "image.std must be above 0 in every channel")
    for kind in card.features.drop if card.features else ():
        if kind not in family.prefix:
            hint = strict_yaml.nearest(kind, family.prefix)
            lines.fail("features.drop", f"family '{card.family}' has no token '{kind}'; {hint}")


def _counted(spec: object) -> dict:
    """What of `spec` enters a hash; see `LATER` and `UNCOUNTED`."""
    values = dataclasses.asdict(spec)
    for f in dataclasses.fields(spec):
        later = f.metadata.get("later") and values[f.name] == f.default
        if later or not f.metadata.get("counted", True):
            del values[f.name]
    return values


def _sha256(made_of: dict) -> str:
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    stat = path.stat()
    return _digest_of_version(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=1024)
def _digest_of_version(path: Path, mtime_ns: int, size: int) -> str:
    # Time and size are in the key only: a file that was replaced is read again.
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()
