"""Runs lm-eval over a set of tasks with our model and turns its samples into rows of a run."""

from __future__ import annotations

import functools
import hashlib
import inspect
import itertools
import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gvt.scoring
from gvt.data.citations import task_bibtex
from gvt.data.official.sources import sources
from gvt.data.reach import limited, reaching
from gvt.engine.journal import ANSWERS_VERSION, answer_key
from gvt.errors import UserError
from gvt.scoring import java
from gvt.scoring.process import CORPUS_METRICS, corpus_scores, golds
from leaderboard.fields import check
from leaderboard.schema import Row, Task

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

    from gvt.engine.replay import JournalLM

# Where the rows come from (they have a hash of their own, and paths differ between machines), and
# titles with the path of the task's file.
_NO_PROMPT = frozenset(
    {
        *("task", "task_alias", "tag", "metadata"),
        *("custom_dataset", "dataset_path", "dataset_name", "dataset_kwargs"),
        *("training_split", "validation_split", "test_split", "fewshot_split"),
    }
)
_PROMPTS = 8  # that are hashed as the model reads them


@dataclass(frozen=True)
class TaskSet:
    """lm-eval's task objects by name, loaded once for all columns of a run."""

    tasks: dict[str, Any]
    manager: Any
    limit: int | float | None

    @property
    def info(self) -> list[Task]:
        """What the report needs to know of each task."""
        return list(self._infos.values())

    @cached_property
    def _infos(self) -> dict[str, Task]:
        return {name: self._info(name, task) for name, task in self.tasks.items()}

    def images(self, names: Iterable[str] | None = None) -> list[dict[str, str]]:
        """References to all images of the tasks, each once, in the order they are met."""
        found: dict[str, dict[str, str]] = {}
        for name in self.tasks if names is None else names:
            for digest, reference in self._references[name].items():
                found.setdefault(digest, reference)
        return list(found.values())

    @cached_property
    def _references(self) -> dict[str, dict[str, dict[str, str]]]:
        """By task and hash: a plan asks several times."""
        return {name: self._met(task) for name, task in self.tasks.items()}

    def _met(self, task: Any) -> dict[str, dict[str, str]]:
        met: dict[str, dict[str, str]] = {}
        for doc in self._each(task):
            for reference in task.doc_to_image(doc):
                met.setdefault(reference["sha256"], reference)
        return met

    def count(self, name: str) -> int:
        """Samples of a task under the limit."""
        return len(self._docs(self.tasks[name]))

    def stamp(self, name: str, fingerprint: str) -> str:
        """Hash of all that the rows of a task depend on, answered by the model of a fingerprint."""
        info, settings = self._infos[name], self.tasks[name].dump_config()
        # lm-eval notes where the YAML lies: another checkout asks the same.
        settings["metadata"] = {
            key: v for key, v in settings["metadata"].items() if key != "config_source"
        }
        return answer_key(
            model=fingerprint,
            task=name,
            version=info["version"],
            data=info["dataset_hash"],
            settings=json.dumps(settings, sort_keys=True, default=_written),
            engine=ANSWERS_VERSION,
            scoring=_scoring_rules(),
        )

    def described(self, name: str) -> bool:
        """Whether the task tells the true scene in words, so that it has a ceiling row."""
        task = self.tasks[name]
        return all("text" in ref for doc in self._each(task) for ref in task.doc_to_image(doc))

    def docs(self, name: str) -> list[dict[str, Any]]:
        """The rows of a task under the limit."""
        return list(self._each(self.tasks[name]))

    def requests(self, name: str, number: int) -> list[Instance]:
        """What lm-eval asks the model about one row of a task."""
        task = self.tasks[name]
        doc = task.eval_docs[number]
        context = task.fewshot_context(doc, num_fewshot=task.config.num_fewshot or 0)
        found = task.construct_requests(doc=doc, ctx=context, metadata=(name, number, 1))
        return found if isinstance(found, list) else [found]

    def _each(self, task: Any) -> Iterator[dict[str, Any]]:
        """The rows under the limit. In batches: one by one, 200,000 rows take half a minute."""
        for batch in self._docs(task).iter(batch_size=1024):
            for values in zip(*batch.values(), strict=True):
                yield dict(zip(batch, values, strict=True))

    def _docs(self, task: Any) -> Any:
        docs = task.eval_docs
        return docs.select(range(limited(self.limit, len(docs))))

    def _info(self, name: str, task: Any) -> Task:
        meta = task.config.metadata or {}
        digest = hashlib.sha256()
        for doc in self._each(task):
            # Paths differ between machines, contents do not.
            content = {key: value for key, value in doc.items() if key != "image"}
            digest.update(json.dumps(content, sort_keys=True, default=str).encode())
        metric = meta.get("metric") or task.config.metric_list[0]["metric"]
        info = Task(
            name=name,
            title=meta.get("title", name),
            bibtex=task_bibtex(meta.get("citation"), f"task '{name}'"),
            metric=metric,
            metric_title=meta.get("metric_title", metric),
            unit=meta.get("unit", "percent"),
            higher_is_better=next(
                entry.get("higher_is_better", True)
                for entry in task.config.metric_list
                if entry["metric"] == metric
            ),
            version=str(meta.get("version", task.VERSION)),
            dataset_hash=digest.hexdigest(),
            description=meta.get("description", ""),
            prompt_hash=self._prompt_hash(task),
        )
        if images := meta.get("images_from") or _images_of(meta.get("source")):
            info["images_from"] = list(images)
        later = ("constant", "category_tells", "skill")
        info |= {key: meta[key] for key in later if key in meta}
        check(info, Task, "", f"task '{name}'")
        return info

    def _prompt_hash(self, task: Any) -> str:
        """Hash of a task's settings but for its data, and of its first prompts.

        These because a setting tells of a function its own code and not that of what it calls.
        """
        settings = {key: v for key, v in task.dump_config().items() if key not in _NO_PROMPT}
        first = itertools.islice(self._each(task), _PROMPTS)
        settings["prompts"] = [str(task.doc_to_text(doc)) for doc in first]
        text = json.dumps(settings, sort_keys=True, default=_written)
        return hashlib.sha256(text.encode()).hexdigest()


def _images_of(published: str | None) -> Sequence[str]:
    """The data sets that the images of a published benchmark come from, as far as is known."""
    known = sources()
    return known[published].images_from if published in known else ()


def load_tasks(paths: dict[str, Path], limit: int | float | None, images: bool = True) -> TaskSet:
    """Load the tasks at ``paths`` (name → YAML) through lm-eval. Raises UserError by task.

    images: False leaves published benchmarks' images alone, for those who only read the texts.
    """
    from lm_eval.tasks import TaskManager

    _quiet()
    manager = TaskManager(include_defaults=False)
    tasks = {}
    for name, path in paths.items():
        try:
            # Its own folder only: of two tasks of one name lm-eval takes the one it meets last.
            own = TaskManager(include_path=str(path.parent), include_defaults=False)
            with reaching(limit if images else 0):
                loaded = own.load(name)["tasks"]
        except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
            raise UserError(f"{path}: task '{name}' cannot be loaded: {error}") from error
        for task_name, task in loaded.items():
            task_bibtex((task.config.metadata or {}).get("citation"), str(path))
            java.check(task_name, (entry["metric"] for entry in task.config.metric_list or ()))
        tasks.update(loaded)
    return TaskSet(tasks, manager, limit)


def evaluate(model: JournalLM, tasks: TaskSet, names: list[str]) -> dict[str, list[Row]]:
    """Answer and score the named tasks; rows by task, in document order.

    Of several processes all answer, and the first of each machine gets the rows.
    """
    from lm_eval import simple_evaluate

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = simple_evaluate(
            model=model,
            tasks=[tasks.tasks[name] for name in names],
            # Without it lm-eval indexes its own 14,000 tasks at every call.
            task_manager=tasks.manager,
            limit=tasks.limit,
            bootstrap_iters=0,
            log_samples=True,
        )
    if results is None:  # lm-eval hands them to local rank 0 only
        return {}
    return {name: _rows(name, tasks.tasks[name], results["samples"][name], model) for name in names}


def _rows(name: str, task: Any, samples: list[dict[str, Any]], model: JournalLM) -> list[Row]:
    samples = sorted(samples, key=lambda sample: sample["doc_id"])
    rows = [_row(name, task, sample, model) for sample in samples]
    for metric in CORPUS_METRICS:
        # Only what was answered enters the corpus: a failed image has no caption to weigh.
        scored = [
            (row, sample[metric])
            for row, sample in zip(rows, samples, strict=True)
            if metric in sample and row["error"] is None
        ]
        if not scored:
            continue
        values = corpus_scores(metric, [item for _, item in scored])
        for (row, _), value in zip(scored, values, strict=True):
            row["scores"][metric] = float(value)
    return rows


def _answer(sample: dict[str, Any], task: Any) -> str:
    """The text, or of scored choices the likeliest."""
    first = sample["filtered_resps"][0]
    if isinstance(first, str):
        return first
    logprobs = [logprob for logprob, _ in sample["filtered_resps"]]
    return str(task.doc_to_choice(sample["doc"])[logprobs.index(max(logprobs))])


def _row(name: str, task: Any, sample: dict[str, Any], model: JournalLM) -> Row:
    doc, number = sample["doc"], sample["doc_id"]
    error = model.failed.get((name, number))
    scores = {
        metric: float(sample[metric])
        for metric in sample["metrics"]
        # What is no number yet is one of CORPUS_METRICS or for lm-eval's aggregations alone.
        if metric != "valid" and isinstance(sample[metric], (int, float))
    }
    row = Row(
        doc_id=number,
        image_id=str(doc["image_id"]),
        image=doc["image"],
        image_sha256=doc["image_sha256"],
        category=doc.get("category"),
        question=doc.get("question") or doc.get("text_in") or "",
        gold=golds(doc),
        answer=None if error else _answer(sample, task),
        scores={} if error else scores,
        valid=not error and bool(sample.get("valid", 1.0)),
        truncated=(name, number) in model.truncated,
        chance=doc.get("chance"),
        error=error,
    )
    return row | {"question_id": doc["question_id"]} if "question_id" in doc else row


@functools.cache
def _scoring_rules() -> str:
    """Hash of the code that scores: a task's settings name only the first function of it."""
    files = sorted(Path(gvt.scoring.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _written(value: Any) -> str:
    """A setting as text: of a function its code, so that another scoring is another setting."""
    try:
        return inspect.getsource(value)
    except (TypeError, OSError):
        return getattr(value, "__qualname__", None) or str(value)


def _quiet() -> None:
    """lm-eval tells every step in its log and by bars; what matters our own code tells."""
    import lm_eval.api.task as task_module
    import lm_eval.evaluator as evaluator_module
    from tqdm import tqdm

    for name in ("lm_eval", "lm-eval", "lm_eval.tasks", "lm_eval.evaluator"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Its bars have no switch for a single process.
    task_module.tqdm = functools.partial(tqdm, disable=True)
    # At every call it asks git (whose complaint the user would see), pip and the compiler.
    evaluator_module.get_git_commit_hash = lambda: None
    evaluator_module.add_env_info = lambda results: None
    # It looks for pictures to hash in every value of every sample; ours are references.
    evaluator_module.LMEVAL_HASHMM = False
