"""lm-eval's model ``gvt``: any tokenizer in front of a frozen LLM, or a LLaVA, in stock lm-eval.

    python -m gvt.lm_eval --model gvt --model_args tokenizer=mini-clip \\
        --include_path tasks --tasks mini_vqa

is ``lm_eval`` after this import; in Python: ``import gvt.lm_eval``, ``simple_evaluate("gvt", …)``.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import lm_eval.models  # noqa: F401 - registers its own; later it would not, beside ours
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from PIL import Image

from gvt import catalog
from gvt.columns import ColumnMaker, cards, open_workshop
from gvt.config import RunOptions, Suite
from gvt.data.images import ImageSet, read
from gvt.data.prompts import Reference
from gvt.engine.features import Features
from gvt.engine.journal import Journal, answer_key
from gvt.engine.lm import ImageLM
from gvt.engine.readers import FeatureReader, LlavaReader, Reader, tower_store
from gvt.engine.replay import Cell, connector_fingerprint
from gvt.errors import UserError
from gvt.files import only_one
from gvt.model.llava import Llava
from gvt.recipes import Recipes
from tokenizers_zoo import column_name


class _Given:
    """Images as lm-eval hands them over: references to files, or decoded ones."""

    def __init__(self, found: dict[str, Reference | Image.Image]) -> None:
        self.hashes, self._images = list(found), list(found.values())

    def __len__(self) -> int:
        return len(self.hashes)

    def load(self, index: int) -> Image.Image:
        image = self._images[index]
        return read(image["path"]) if isinstance(image, dict) else image


@register_model("gvt")
class GVT(LM):
    """One column of a comparison as a model of lm-eval's.

    tokenizer: what ``--tokenizers`` takes, with ``[…][…]`` in the place of ``[…,…]``, since commas
    separate model arguments; aligned by ``recipe`` to ``llm`` if the cache has no such connector
    yet; or pretrained: a LLaVA, folder or hub id. journal: a folder that answers are kept in, so
    that a broken evaluation goes on; by default they are forgotten. chat: prompts go through the
    language model's chat template, as with ``gvt run --apply_chat_template``.
    include_path: a folder of cards and recipes. batch_size: lm-eval's 1 lets the engine choose;
    max_batch_size, which lm-eval always hands over, says nothing here.
    """

    MULTIMODAL = True

    def __init__(
        self,
        tokenizer: str | None = None,
        pretrained: str | None = None,
        llm: str = "mini-lm",
        recipe: str = "mini",
        seed: int = 0,
        journal: str | None = None,
        include_path: str | None = None,
        precision: str = "auto",
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        device: str | None = None,
        chat: bool = False,
    ) -> None:
        super().__init__()
        if (tokenizer is None) == (pretrained is None):
            raise UserError("model gvt: give either tokenizer= or pretrained= in --model_args")
        name = tokenizer or str(pretrained)
        column = column_name(name)
        paths = (Path(include_path),) if include_path else ()
        suite = Suite(
            name="lm_eval",
            tokenizers={column: name} if tokenizer else {},
            models={} if tokenizer else {"pretrained": name},
            controls={},
            llm=llm,
            apply_chat_template=chat,
            seeds=(int(seed),),
        )
        self._scratch = None if journal else tempfile.TemporaryDirectory()
        folder = Path(journal or self._scratch.name)
        options = RunOptions(
            folder,
            include_path=paths,
            device="cpu" if device == "cpu" else None,
            precision=precision,
        )
        # Held for as long as the process lives: two evaluations must not share a journal.
        self._lock = ExitStack()
        self._lock.enter_context(only_one(folder))
        self._workshop = open_workshop(suite, Recipes(catalog.get_recipe(recipe, paths)), options)
        self._journal = Journal(folder, self._workshop.accelerator.process_index)
        size = int(batch_size) if str(batch_size or "").isdigit() else 1
        self._size = size if size > 1 else None
        self._llava: Llava | None = None
        if tokenizer:
            card = cards(suite, paths)[column]
            self._maker = ColumnMaker(self._workshop, column, card)
            self._aligned = self._maker.aligned(int(seed))
            self._llm = self._aligned.language(self._workshop.llm)
            fingerprint = connector_fingerprint(self._aligned.hash, self._workshop.llm.hash)
        else:
            self._llava = Llava(name, self._workshop.accelerator.device)
            fingerprint = answer_key(model=self._llava.hash)
        self._cell = Cell(column, int(seed), fingerprint)

    def generate_until(self, requests: list[Instance], **_: Any) -> list[str]:
        """One answer per request, in their order; that to an unreadable image is empty."""
        asked, reader = self._prepare(requests)
        return self._model(reader).generate_until(asked)

    def loglikelihood(self, requests: list[Instance], **_: Any) -> list[tuple[float, bool]]:
        """Log-probability of every continuation behind its image, and whether it is greedy."""
        asked, reader = self._prepare(requests)
        return self._model(reader).loglikelihood(asked)

    def loglikelihood_rolling(self, requests: list[Instance], **_: Any) -> list[float]:
        """Not offered: perplexity has no image. Raises UserError naming the task."""
        raise UserError(f"task '{requests[0].task_name}' asks for perplexity, which has no image")

    def _model(self, reader: Reader) -> ImageLM:
        return ImageLM(
            reader,
            self._cell,
            self._journal,
            self._size,
            accelerator=self._workshop.accelerator,
        )

    def _prepare(self, requests: Sequence[Instance]) -> tuple[list[Instance], Reader]:
        """The requests with references in the place of images, and features of all of them."""
        found: dict[str, Reference | Image.Image] = {}
        asked = []
        for request in requests:
            *rest, media = request.args
            if "visual" not in media:
                raise UserError(f"task '{request.task_name}' has no image")
            references = [_reference(image) for image in media["visual"]]
            found.update(zip((one["sha256"] for one in references), media["visual"], strict=True))
            asked.append(
                Instance(
                    request_type=request.request_type,
                    doc=request.doc,
                    arguments=(*rest, {"visual": references}),
                    idx=request.idx,
                    metadata=(request.task_name, request.doc_id, request.repeats),
                )
            )
        images = _Given(found)
        place = {digest: index for index, digest in enumerate(images.hashes)}
        features = self._features(images)
        if self._llava is not None:
            return asked, LlavaReader(self._llava, features, place)
        connector = self._aligned.connector
        return asked, FeatureReader(self._llm, features, place, connector)

    def _features(self, images: ImageSet) -> Features:
        if self._llava is None:
            return self._maker.features(images, self._aligned)
        return tower_store(self._llava).get(images, accelerator=self._workshop.accelerator)


def _reference(image: Reference | Image.Image) -> Reference:
    if isinstance(image, dict):
        return image
    # With its palette resolved: two images of one palette index are not one image.
    shown = image.convert("RGBA") if image.mode in ("P", "PA") or image.info else image
    digest = hashlib.sha256(f"{shown.mode} {shown.size}".encode())
    digest.update(shown.tobytes())
    return Reference(path="an image of the task", sha256=digest.hexdigest())


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
