"""From flags to a suite, a recipe and options: what `run` and `align` have in common."""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from gvt import catalog
from gvt.claims import check_scopes
from gvt.cli import arguments
from gvt.cli.columns import at_recipes, columns_of
from gvt.cli.sweep import combinations, split, swept
from gvt.config import Recipe, RunOptions, Suite
from gvt.errors import UserError, unknown_name
from gvt.paths import expanded, runs_dir
from gvt.recipes import Recipes, recipes_of
from gvt.resolve import resolve_all

if TYPE_CHECKING:
    from gvt.forecast import Forecast

CUSTOM = "custom"  # name of a suite that only flags describe
_UNITS = {"features": "images", "alignment": "steps", "evaluation": "answers"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose what is aligned."""
    what = parser.add_argument_group("what")
    what.add_argument("--suite", "-S", metavar="NAME", help="a suite (`gvt ls suites`) or its file")
    what.add_argument(
        "--tokenizers",
        "-T",
        nargs="+",
        action=arguments.Names,
        metavar="NAME",
        help="columns of the suite or cards (`gvt ls tokenizers`), comma or space separated; "
        "with options, `clip[layer=-2]`, or fused, `clip+dino`; hub ids, folders and card files",
    )
    what.add_argument(
        "--sweep",
        nargs="+",
        action="extend",
        metavar="KEY=VALUE,…",
        help="each tokenizer with each of these options, `layer=-1,-2`, or by each of these "
        "recipes, `recipe=mini,mini-tuned`; several: all combinations",
    )
    what.add_argument(
        "--model",
        "-M",
        nargs="+",
        action=arguments.Names,
        metavar="NAME",
        help="published LLaVA checkpoints as further columns: folder or hub id",
    )
    what.add_argument(
        "--llm", metavar="NAME", help="language model: shipped name, folder, GGUF file or hub id"
    )
    what.add_argument(
        "--apply_chat_template",
        action="store_true",
        default=None,
        help="prompts through the chat template of the language model (default: the paper's frame)",
    )
    what.add_argument("--recipe", metavar="NAME", help="alignment recipe (`gvt ls recipes`)")
    what.add_argument(
        "--connector", choices=("perceiver", "linear", "mlp"), help="connector of another type"
    )
    what.add_argument(
        "--seed",
        type=arguments.seeds,
        metavar="N[,N…]",
        help="one alignment per seed (default: the suite's)",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--device", choices=("cpu",), help="do not use a GPU, even if there is one")
    how.add_argument(
        "--precision",
        choices=("auto", "no", "bf16", "fp16"),
        default="auto",
        help="autocast of features and alignment (auto: bf16 where the hardware has it)",
    )
    how.add_argument(
        "--dry_run", action="store_true", help="say what would be done, and do nothing"
    )
    arguments.add_log_with(how)
    arguments.add_include_path(how)
    arguments.add_data_root(how)


def resolve(args: argparse.Namespace) -> tuple[Suite, Recipes, RunOptions]:
    """Return what the flags ask for, with every name checked.

    Raises:
        UserError: unknown name, broken file, no tokenizers or no tasks.
    """
    include_path = arguments.include_path(args)
    arguments.use_data_root(args)
    suite = _suite(args, include_path)
    _check(suite, include_path)
    recipes = recipes_of(suite, include_path, args.connector)
    given = getattr(args, "output_path", None)
    folder = expanded(given) if given else runs_dir() / _run_name(args, suite, recipes)
    options = RunOptions(
        output_path=folder,
        batch_size=getattr(args, "batch_size", None),
        limit=suite.limit,
        include_path=include_path,
        log_samples=getattr(args, "log_samples", False),
        dry_run=args.dry_run,
        device=args.device,
        precision=args.precision,
        argv=tuple(args.argv),
        log_with=arguments.log_with(args),
        debug=args.debug,
    )
    return suite, recipes, options


def describe(suite: Suite, recipes: Recipes, sweep: Iterable[str] = ()) -> str:
    """Return the plan as text: columns, the sweep they come from, tasks, seeds and stages."""
    width = max(map(len, [*suite.columns, *suite.models]))
    lines = [f"suite      {suite.name}", f"llm        {suite.framed_llm}"]
    shape = f"{len(suite.columns)} columns x {len(suite.tasks)} tasks x {len(suite.seeds)} seeds"
    cells = (len(suite.columns) * len(suite.seeds) + len(suite.models)) * len(suite.tasks)
    if suite.models:
        shape += f" + {len(suite.models)} models x {len(suite.tasks)} tasks"
    lines.append(f"cells      {shape} = {cells}")
    if sweep:
        lines.append(f"sweep      {' x '.join(sweep)}: {len(suite.tokenizers)} columns")
    for column, card in suite.columns.items():
        kind = "control" if column in suite.controls else "tokenizer"
        lines.append(f"  {column:{width}}  {kind:9}  {card}")
    lines += [f"  {column:{width}}  model      {name}" for column, name in suite.models.items()]
    if suite.limit is not None:
        lines.append(f"limit      {suite.limit} a task")
    lines.append(f"tasks      {', '.join(suite.tasks)}")
    lines.append(f"seeds      {', '.join(map(str, suite.seeds))}")
    lines += _recipe_lines(recipes.default, "")
    for name in dict.fromkeys(suite.recipes.values()):
        columns = [column for column, own in suite.recipes.items() if own == name]
        lines += _recipe_lines(recipes.of(columns[0]), f", for {', '.join(columns)}")
    if suite.claims:
        lines.append(f"claims     {', '.join(claim.name for claim in suite.claims)}")
    return "\n".join(lines)


def _recipe_lines(recipe: Recipe, columns: str) -> list[str]:
    lines = [f"recipe     {recipe.name}, connector {recipe.connector.type}{columns}"]
    for stage in recipe.stages:
        trained = "" if stage.trains == ("connector",) else f", training {', '.join(stage.trains)}"
        work = f"{stage.steps} steps of {stage.batch_size} images of {stage.data}"
        lines.append(f"  {stage.name}: {work}{trained}")
    return lines


def outlook(plan: Forecast) -> str:
    """Return as text how much lies ahead: samples, what is cached, time, disk, resolution."""
    lines = []
    for name, samples in plan.samples.items():
        least = plan.detectable.get(name)
        shows = f"; shows differences from {100 * least:.1f} points on" if least else ""
        lines.append(f"  {name}: {samples:,} samples on {plan.images[name]:,} images{shows}")
    lines.append("  (80 % power; where one of two tokenizers alone is right on half the questions)")
    lines.append(f"cached     {100 * plan.known:.0f} %")
    for stage in ("features", "alignment", "evaluation"):
        of_stage = [step for step in plan.steps if step.stage == stage]
        todo, units = (sum(getattr(s, part) for s in of_stage) for part in ("todo", "units"))
        lines.append(f"  {stage}: {todo:,} of {units:,} {_UNITS[stage]} to be computed")
    if plan.seconds is None:
        lines.append("time       not known: some stage has not run on this machine yet")
    else:
        lines.append(f"time       about {plan.seconds / 60:.1f} minutes, from earlier runs here")
    lines.append(f"disk       {plan.disk / 2**20:,.0f} MiB of features")
    return "\n".join(lines)


def _suite(args: argparse.Namespace, include_path: tuple[Path, ...]) -> Suite:
    suite = catalog.get_suite(args.suite, include_path) if args.suite else None
    if not suite and not args.tokenizers and not args.model:
        raise UserError(
            "nothing to do: neither --suite nor --tokenizers nor --model given",
            "Start with 'gvt run --suite mini'; 'gvt ls suites' lists the others.",
        )
    changes: dict = {}
    if suite:
        check_scopes(suite.claims, suite.tasks)
    known = suite.tokenizers if suite else {}
    names, swept_recipes = args.tokenizers or [], []
    if args.sweep:
        options, swept_recipes = split(args.sweep)
        names = list(names or known)
        if options:
            names = swept(names, known, combinations(options))
        if not names:
            raise UserError("--sweep: no tokenizers to vary", "Name some with --tokenizers.")
    if names:
        own = suite.recipes if suite else {}
        columns, recipes = columns_of(names, known, own, include_path)
        if swept_recipes:
            columns, recipes = at_recipes(columns, swept_recipes)
        changes["tokenizers"] = columns
        kept = {column: own[column] for column in own if suite and column in suite.controls}
        changes["recipes"] = recipes | kept
    if args.model:
        changes["models"] = {name.rstrip("/").rsplit("/", 1)[-1]: name for name in args.model}
        if not suite and not args.tokenizers:
            changes["controls"] = {}  # nothing is aligned, so nothing needs its controls
    if getattr(args, "tasks", None):
        known = catalog.tasks(include_path)
        changes["tasks"] = matching(args.tasks, known, catalog.groups(include_path))
    if getattr(args, "limit", None):
        changes["limit"] = args.limit
    if args.seed:
        changes["seeds"] = tuple(args.seed)
    named = ("llm", "recipe", "apply_chat_template")
    changes |= {key: getattr(args, key) for key in named if getattr(args, key)}
    return _changed(suite, changes) if suite else Suite(name=CUSTOM, **changes)


def _changed(suite: Suite, changes: dict) -> Suite:
    """``suite`` with ``changes``, less the claims that ask for columns or tasks it then lacks."""
    tasks = changes.get("tasks", suite.tasks)
    columns = {*changes.get("tokenizers", suite.tokenizers), *suite.controls}
    columns |= set(changes.get("models", suite.models))
    kept = tuple(claim for claim in suite.claims if claim.answerable(columns, tasks))
    if left_out := [claim.name for claim in suite.claims if claim not in kept]:
        told = f"claims left out, for want of columns or tasks: {', '.join(left_out)}"
        print(told, file=sys.stderr)
    return replace(suite, **changes, claims=kept)


def matching(
    patterns: Iterable[str],
    known: Iterable[str],
    groups: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Names of tasks, `*` standing for anything and a group for its tasks, as lm_eval's flag."""
    found: dict[str, None] = {}
    for pattern in patterns:
        names = fnmatch.filter(known, pattern)
        names += [task for group in fnmatch.filter(groups, pattern) for task in groups[group]]
        if not names:
            raise unknown_name("task", pattern, [*known, *groups], "gvt ls tasks")
        found |= dict.fromkeys(names)
    return tuple(found)


def _check(suite: Suite, include_path: tuple[Path, ...]) -> None:
    """Names that a suite's file wrote down, which no flag has checked; and what cards say."""
    tasks = catalog.tasks(include_path)
    named = {column: card for column, card in suite.columns.items() if column != "text"}
    resolve_all(named, include_path)
    for task in suite.tasks:
        if task not in tasks:
            raise unknown_name("task", task, tasks, "gvt ls tasks")
    from gvt.model.load import resolve as resolve_llm

    resolve_llm(suite.llm)


def _run_name(args: argparse.Namespace, suite: Suite, recipes: Recipes) -> str:
    """The suite's name where flags change nothing; else with a hash, so that no two runs mix."""
    include_path = arguments.include_path(args)
    same = args.suite and suite == catalog.get_suite(args.suite, include_path)
    if same and not args.connector:
        return suite.name
    parts = [suite.hash(), recipes.default.hash(), *(own.hash() for own in recipes.own.values())]
    return f"{suite.name}-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:8]}"
