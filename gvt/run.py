"""One run: every column is made, evaluated by lm-eval and written, then the report is made."""

from __future__ import annotations

import importlib.metadata
import platform
from datetime import datetime, timezone
from pathlib import Path

from accelerate.utils import broadcast_object_list

from gvt import catalog
from gvt.align.connectors import Aligned
from gvt.audit.record import write_audits
from gvt.columns import (
    TEXT,
    ColumnMaker,
    Workshop,
    cards,
    encoders,
    features_key,
    open_workshop,
)
from gvt.config import RunOptions, Suite
from gvt.data.images import FileImages
from gvt.engine import submission
from gvt.engine.evaluate import TaskSet, evaluate, load_tasks
from gvt.engine.features import Features
from gvt.engine.journal import Journal, answer_key
from gvt.engine.lm import ImageLM
from gvt.engine.readers import FeatureReader, LlavaReader, Reader, SceneReader, tower_store
from gvt.engine.replay import Cell, connector_fingerprint, text_fingerprint
from gvt.files import only_one
from gvt.forecast import steps
from gvt.hardware import describe
from gvt.model.llava import Llava
from gvt.progress import Step
from gvt.recipes import Recipes
from leaderboard import schema
from leaderboard.export.bibtex import entries
from leaderboard.results import load_results
from tokenizers_zoo import TokenizerCard, fetch_weights

_PACKAGES = ("gvt", "torch", "transformers", "accelerate", "datasets", "lm_eval", "pillow")
_KINDS = {"blind": "control", "random": "control", TEXT: "ceiling"}


def execute(suite: Suite, recipes: Recipes, options: RunOptions) -> Path | None:
    """Carry out ``suite`` in ``options.output_path``; return it on the main process, else None.

    What the run directory or the cache holds already is not computed again. Raises UserError for
    anything the user can put right; all answers until then stay in the journal.
    """
    found = cards(suite, options.include_path)
    known = catalog.tasks(options.include_path)
    tasks = load_tasks({name: known[name] for name in suite.tasks}, options.limit)
    workshop = open_workshop(suite, recipes, options)
    ahead = steps(suite, recipes, options, tasks)
    workshop.progress.expect(ahead)
    _fetch_weights(found, ahead)
    folder = Path(options.output_path)
    if not workshop.accelerator.is_main_process:
        workshop.accelerator.wait_for_everyone()
        _Run(suite, recipes, options, workshop, found, tasks).carry_out()
        workshop.close()
        return None
    with only_one(folder):
        run = _Run(suite, recipes, options, workshop, found, tasks)
        run.journal.repair()
        workshop.accelerator.wait_for_everyone()
        run.carry_out()
        workshop.close()
    return folder


def _fetch_weights(found: dict[str, TokenizerCard], ahead: list[Step]) -> None:
    """Missing weights of the last column are told before the first one is trained, not after."""
    for step in ahead:
        if step.stage == "features" and step.todo and step.column in found:
            for encoder in found[step.column].encoders:
                fetch_weights(encoder)


class _Run:
    def __init__(
        self,
        suite: Suite,
        recipes: Recipes,
        options: RunOptions,
        workshop: Workshop,
        found: dict[str, TokenizerCard],
        tasks: TaskSet,
    ) -> None:
        self.suite, self.recipes, self.options = suite, recipes, options
        self.workshop, self.cards, self.tasks = workshop, found, tasks
        self.folder = Path(options.output_path)
        self.journal = Journal(self.folder, workshop.accelerator.process_index)
        references = tasks.images()
        self.images = FileImages(
            [reference["path"] for reference in references],
            [reference["sha256"] for reference in references],
        )
        self.place = {digest: index for index, digest in enumerate(self.images.hashes)}
        self.record = self._new_record()
        self._info = {info["name"]: info for info in tasks.info}
        self.progress = workshop.progress

    def carry_out(self) -> None:
        """Make, evaluate and write every column; ``run.json`` grows with each."""
        if self.workshop.accelerator.is_main_process:
            audits = write_audits(self.folder, self.tasks, self.record["tasks"])
            self.record["warnings"] += audits
        for column in self.suite.columns:
            if column == TEXT:
                self._text_column()
            else:
                self._tokenizer_column(column, self.cards[column])
            self._write()
        for column, name in self.suite.models.items():
            self._model_column(column, name)
            self._write()
        self.progress.column_done()
        if self.journal.broken:
            lines = f"{self.journal.broken} broken lines in the journal"
            self.record["warnings"].append(f"{lines} were computed again")
        self.record["finished"] = _now()
        self._write()
        if self.workshop.tracking.on:
            self.workshop.tracking.scores(load_results(self.folder))

    def _tokenizer_column(self, column: str, card: TokenizerCard) -> None:
        maker = ColumnMaker(self.workshop, column, card, encoders(self.cards))
        aligned = [maker.aligned(seed) for seed in self.suite.seeds]
        for seed, one in zip(self.suite.seeds, aligned, strict=True):
            if one is aligned[0] or one.tuned:
                features = maker.features(self.images, one)
            if one is aligned[0]:
                self.record["columns"].append(self._column(column, card, features, one))
            fingerprint = connector_fingerprint(one.hash, self.workshop.llm.hash)
            llm = one.language(self.workshop.llm)
            reader = FeatureReader(llm, features, self.place, one.connector)
            cell = Cell(column, seed, fingerprint)
            self._evaluate(cell, reader, list(self.suite.tasks))
        self.record["alignment"] += maker.alignments
        told = dict.fromkeys(line for one in aligned for line in one.left_out)
        known = self.record["warnings"]
        known += [line for line in told if line not in known]

    def _model_column(self, column: str, name: str) -> None:
        """A published model answers as it is, once: nothing is aligned, so no seed matters."""
        accelerator = self.workshop.accelerator
        llava = Llava(name, accelerator.device)
        tower = llava.tower
        store = tower_store(llava)
        with self.progress.stage(
            column, self.suite.seeds[0], "features", len(self.images), features_key(store)
        ) as counter:
            features = store.get(self.images, counter, accelerator)
        self.record["columns"].append(
            schema.Column(
                name=column,
                kind="tokenizer",
                title=column,
                tokenizer=None,
                description=f"The published model {name}, as it is.",
                card_hash=tower.card.hash(),
                encoder_parameters=tower.parameters,
                encoder_gflops=features.gflops,
                feature_tokens=tower.tokens,
                visual_tokens=tower.tokens,
                licence="",
                citation="",
            )
        )
        self.record["config"]["models"][column] = {"name": name, "hash": llava.hash}
        cell = Cell(column, self.suite.seeds[0], answer_key(model=llava.hash))
        reader = LlavaReader(llava, features, self.place)
        self._evaluate(cell, reader, list(self.suite.tasks))

    def _text_column(self) -> None:
        llm = self.workshop.llm
        names = [name for name in self.suite.tasks if self.tasks.described(name)]
        for name in self.suite.tasks:
            if name not in names:
                self.record["warnings"].append(f"{name} has no scene text, so no ceiling row")
        if not names:
            return
        self.record["columns"].append(
            schema.column_without_encoder(
                name=TEXT,
                kind="ceiling",
                title="LLM given the scene as text",
                description="No image: the frozen language model reads the true scene in words.",
            )
        )
        cell = Cell(TEXT, self.suite.seeds[0], text_fingerprint(llm.hash))
        reader = SceneReader(llm, self.tasks.images(names))
        self._evaluate(cell, reader, names)

    def _evaluate(self, cell: Cell, reader: Reader, names: list[str]) -> None:
        paths = {
            name: schema.rows_path(self.folder, cell.column, cell.seed, name) for name in names
        }
        stamps = {name: self.tasks.stamp(name, cell.fingerprint) for name in names}
        todo = [
            name
            for name in names
            if not paths[name].exists() or self.stamps_before.get(cell.name(name)) != stamps[name]
        ]
        # Every process must go the same way, whatever its file system shows it by now.
        todo = broadcast_object_list([todo])[0]
        total = sum(self.tasks.count(name) for name in names)
        with self.progress.stage(
            cell.column, cell.seed, "evaluation", total, reader.llm.name
        ) as counter:
            counter.skip(total - sum(self.tasks.count(name) for name in todo))
            if todo:
                accelerator = self.workshop.accelerator
                batch_size = self.options.batch_size
                model = ImageLM(reader, cell, self.journal, batch_size, counter, accelerator)
                for name, rows in evaluate(model, self.tasks, todo).items():
                    if accelerator.is_main_process:
                        schema.write_rows(paths[name], rows)
                    if any(row["error"] for row in rows):
                        del stamps[name]  # a lost image may be back the next time
        if self.workshop.accelerator.is_main_process:
            for name in names:
                if self._info[name]["unit"] == "none":
                    self._submission(cell, name, paths[name], name in todo)
        self.record["stamps"] |= {cell.name(task): stamp for task, stamp in stamps.items()}

    def _submission(self, cell: Cell, name: str, rows: Path, new: bool) -> None:
        """Write the file for the evaluation server where it is missing or has new answers."""
        path = schema.submission_path(self.folder, cell.column, cell.seed, name)
        empty = submission.write(rows, path, anew=new)
        if empty:
            self.record["warnings"].append(
                f"{path.relative_to(self.folder)}: {empty} empty answers"
            )

    def _column(
        self, column: str, card: TokenizerCard, features: Features, aligned: Aligned
    ) -> schema.Column:
        made = schema.Column(
            name=column,
            kind=_KINDS.get(column, "tokenizer") if column in self.suite.controls else "tokenizer",
            title=self._title(column, card),
            tokenizer=card.name,
            description=card.description,
            card_hash=card.hash(),
            encoder_parameters=card.parameters,
            encoder_gflops=features.gflops,
            feature_tokens=features.values.shape[1],
            visual_tokens=aligned.connector.tokens,
            licence=card.licence,
            citation=card.citation,
            bibtex=entries(card.citation),
        )
        if all(
            one.pretraining_data or one.init == "random" or not one.checkpoint
            for one in card.encoders
        ):
            seen = [name for one in card.encoders for name in one.pretraining_data]
            made["trained_on"] = list(dict.fromkeys(seen))
        return made

    def _title(self, column: str, card: TokenizerCard) -> str:
        """The card's; columns may share a card, so with the recipe where it is the column's own."""
        own = self.recipes.own.get(column)
        return f"{card.title} ({own.name})" if own else card.title

    def _new_record(self) -> dict:
        try:
            before = schema.read_run(self.folder)
        except schema.SchemaError:
            before = {}
        self.stamps_before = before.get("stamps", {})
        accelerator = self.workshop.accelerator
        return {
            **schema.Run(
                format_version=schema.FORMAT_VERSION,
                suite=self.suite.name,
                title=self.suite.title or self.suite.name,
                command=list(self.options.argv),
                created=_now(),
                finished=None,
                seeds=list(self.suite.seeds),
                versions=_versions(),
                hardware=describe(self.workshop.precision, accelerator.num_processes),
                config={
                    "suite": self.suite.to_dict(),
                    "recipe": self.recipes.default.to_dict(),
                    "recipes": {name: own.to_dict() for name, own in self.recipes.own.items()},
                    "llm": {
                        "name": self.workshop.llm.name,
                        "hash": self.workshop.llm.hash,
                        "parameters": self.workshop.llm.parameters,
                    },
                    "models": {},
                },
                columns=[],
                tasks=[task.copy() for task in self.tasks.info],
                stages=[],
                alignment=[],
                warnings=self._unpinned(),
            ),
            "stamps": {},
        }

    def _unpinned(self) -> list[str]:
        """What may change under its name, so that the same command may give other numbers."""
        encoders = {card for column in self.cards.values() for card in column.encoders}
        names = {card.checkpoint for card in encoders if card.checkpoint and not card.folder}
        pinned = {card.checkpoint for card in encoders if card.revision}
        return [f"{name} is not pinned to a commit" for name in sorted(names - pinned)]

    def _write(self) -> None:
        if self.workshop.accelerator.is_main_process:
            self.record["stages"] = self.progress.booked
            schema.write_run(self.folder, self.record)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
