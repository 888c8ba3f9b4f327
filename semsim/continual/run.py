"""Rounds of learning, each a training of its own that resumes."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from semsim.codecs.vlm_csc.captions import captions_of
from semsim.codecs.vlm_csc.memory import Memory, described
from semsim.codecs.vlm_csc.text_codec import DeepScText
from semsim.codecs.vlm_csc.text_config import DeepScTextConfig
from semsim.continual.recipe import ContinualRecipe, Task
from semsim.errors import CheckpointError
from semsim.link.air import PowerRule
from semsim.link.link import Link
from semsim.link.text_metrics import text_quality
from semsim.rng import Streams
from semsim.training.recipe import Recipe
from semsim.training.run import train_recipe
from semsim.types import Report

_RECIPE, _ENDED, _LEARNT = "recipe.json", "ended.json", "sentences.txt"


class Continual:
    """One run through a recipe's tasks.

    Every round leaves its weights and the long-term memory in a folder of its own; a resumed run
    goes on after the last whole round, within the training of the next.

    Args:
        recipe: the tasks and how to learn them.
        folder: for everything that is kept.
        device: where to compute.
        report: told about rounds done.
    """

    def __init__(
        self,
        recipe: ContinualRecipe,
        folder: Path,
        device: str = "cpu",
        report: Report = lambda _done, _total, _what: None,
    ) -> None:
        self.recipe = recipe
        self._folder = folder
        self._device = device
        self._report = report
        self._streams = Streams(recipe.seed).child("continual")

    def run(self, *, resume: bool = False) -> pd.DataFrame:
        """Learn all tasks; return a row a held-out sentence, task tested, and task learnt so far.

        Raises:
            CheckpointError: if the folder holds another recipe's run, or one not to be resumed.
        """
        self._claim(resume)
        memory, made = Memory(self.recipe.memory), []
        codec = self._start()
        rounds = self.recipe.rounds
        total = rounds * len(self.recipe.tasks)
        for number, task in enumerate(self.recipe.tasks):
            for index in range(rounds):
                done = number * rounds + index
                self._report(done, total, f"{task.name}, round {index + 1} of {rounds}")
                codec = self._round(done, task, codec, memory)
            made.append(self._judge(task, codec))
        self._report(total, total, "learnt")
        return pd.concat(made, ignore_index=True)

    def _claim(self, resume: bool) -> None:
        path = self._folder / _RECIPE
        text = self.recipe.model_dump_json()
        if path.is_file() and not resume:
            raise CheckpointError(
                f"{self._folder}: holds a run already; give --resume to go on with it, or another "
                "--folder"
            )
        if path.is_file() and path.read_text(encoding="utf-8") != text:
            raise CheckpointError(
                f"{self._folder}: holds a run of another version of recipe {self.recipe.name!r}; "
                "give another --folder"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        _write(path, text)

    def _start(self) -> DeepScText:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._streams.numpy("weights").integers(2**62)))
            return DeepScText(self.recipe.codec, device=self._device)

    def _round(self, number: int, task: Task, codec: DeepScText, memory: Memory) -> DeepScText:
        folder = _round_folder(self._folder, number)
        ended = folder / _ENDED
        if not ended.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            moved = self._remember(number, task, codec, memory)
            learnt = "\n".join(memory.learnt_from())
            (folder / _LEARNT).write_text(learnt + "\n", encoding="utf-8")
            recipe = self._training(number, folder, codec)
            train_recipe(recipe, Path(_RECIPE), folder, self._device, resume=True)
            kept = {"task": task.name, "moved": len(moved), "long": memory.long}
            _write(ended, json.dumps(kept))
        memory.long = json.loads(ended.read_text(encoding="utf-8"))["long"]
        memory.forget()
        trained = DeepScTextConfig.model_validate(
            {"weights": {"path": str(self._weights(number).resolve())}}
        )
        return DeepScText(trained, device=self._device)

    def _weights(self, number: int, part: str = "") -> Path:
        return _round_folder(self._folder, number) / f"round-{number}{part}.safetensors"

    def _remember(self, number: int, task: Task, codec: DeepScText, memory: Memory) -> list[str]:
        streams = self._streams.child("round", number)
        source = task.source.build()
        drawn = source.sample(self.recipe.memory.short, streams.numpy("sentences"))
        memory.add(captions_of(drawn))

        def describe(sentences: Any) -> Tensor:
            return described(codec, sentences)

        return memory.select(describe, streams.numpy("memory"))

    def _training(self, number: int, folder: Path, codec: DeepScText) -> Recipe:
        recipe = self.recipe
        options: dict[str, Any] = {"weights": "random", "model": codec.model}
        if number:
            options = {"weights": {"path": str(self._weights(number - 1).resolve())}}
        elif codec.checkpoint is not None:
            options = {"weights": recipe.codec.weights}
        objective: dict[str, Any] = {
            "kind": "text_alternation",
            "codec": {"kind": "deepsc_text", **options},
            "hidden": recipe.hidden,
            "keep_statistics": True,
        }
        if number:
            statistics = self._weights(number - 1, "-statistics")
            objective["statistics"] = {"path": str(statistics.resolve())}
        return Recipe.model_validate(
            {
                "name": f"round-{number}",
                "objective": objective,
                "link": recipe.link,
                "sources": [{"kind": "sentences", "path": str((folder / _LEARNT).resolve())}],
                "batch": recipe.batch,
                "steps": recipe.steps,
                "seed": int(self._streams.child("round", number).numpy("seed").integers(2**31)),
                "precision": recipe.precision,
                "optimizer": recipe.optimizer,
            }
        )

    @torch.no_grad()
    def _judge(self, learnt: Task, codec: DeepScText) -> pd.DataFrame:
        """Send every task's held-out sentences; noise and fading are the same for all codecs."""
        recipe, made = self.recipe, []
        power = PowerRule(recipe.link.power_constraint, recipe.link.snr_convention)
        for task in recipe.tasks:
            source = task.held_out.build().take(recipe.judged).to(self._device)
            generator = self._streams.child(task.name).torch("channel", self._device)
            channel = recipe.link.channel.build(device=self._device, generator=generator)
            output = Link(codec, channel, power=power).transmit(source, recipe.snr_db).output
            if output.text is None:
                raise TypeError("the codec delivers no sentences")
            found = text_quality(captions_of(source), output.text)
            rows = pd.DataFrame({name: values.tolist() for name, values in found.items()})
            rows.insert(0, "sentence", range(len(rows)))
            rows.insert(0, "tested", task.name)
            rows.insert(0, "learnt", learnt.name)
            made.append(rows)
        return pd.concat(made, ignore_index=True)


def learn(
    recipe: ContinualRecipe,
    folder: Path,
    device: str = "cpu",
    *,
    seeds: int = 1,
    resume: bool = False,
    report: Report = lambda _done, _total, _what: None,
) -> pd.DataFrame:
    """Run ``recipe`` with its seed and those after it; return all rows, with their ``seed``."""
    made = []
    for seed in range(recipe.seed, recipe.seed + seeds):
        told = _of_seed(report, seed - recipe.seed, seeds)
        one = recipe.model_copy(update={"seed": seed})
        run = Continual(one, folder / f"seed-{seed}", device, told)
        made.append(run.run(resume=resume).assign(seed=seed))
    return pd.concat(made, ignore_index=True)


def memory_by_round(recipe: ContinualRecipe, folder: Path, *, seeds: int = 1) -> pd.DataFrame:
    """Return what the rounds of finished runs (:func:`learn`) did to the long-term memory.

    Returns:
        a row a round and seed: ``task``, sentences ``moved`` on to the LTM, how many are ``long``
        after it, and how many of these came from each task (columns ``from`` and its name; from the
        first of them where a sentence belongs to several).

    Raises:
        CheckpointError: if a round has not ended.
    """
    made = []
    for seed in range(recipe.seed, recipe.seed + seeds):
        origin: dict[str, str] = {}
        for number in range(recipe.rounds * len(recipe.tasks)):
            path = _round_folder(folder / f"seed-{seed}", number) / _ENDED
            if not path.is_file():
                raise CheckpointError(f"{path}: not there, so the round has not ended; resume it")
            kept = json.loads(path.read_text(encoding="utf-8"))
            for sentence in kept["long"]:
                origin.setdefault(sentence, kept["task"])
            row = {"seed": seed, "round": number + 1, "task": kept["task"], "moved": kept["moved"]}
            sources = Counter(origin[sentence] for sentence in kept["long"])
            shares = {f"from {task.name}": sources[task.name] for task in recipe.tasks}
            made.append({**row, "long": len(kept["long"]), **shares})
    return pd.DataFrame(made)


def _round_folder(folder: Path, number: int) -> Path:
    return folder / f"round-{number:03d}"


def _of_seed(report: Report, index: int, seeds: int) -> Callable[[int, int, str], None]:
    return lambda done, total, what: report(index * total + done, seeds * total, what)


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
