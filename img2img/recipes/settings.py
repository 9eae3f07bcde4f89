"""The settings of a run: a task and a method by name, what other layers say over them, all in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2img.config import (
    Tree,
    build,
    choose,
    config_files,
    is_text,
    merge,
    named_file,
    nested,
    override,
    plain,
    read_yaml,
)
from img2img.data.config import DataConfig
from img2img.errors import UserError, nearest, unknown
from img2img.flows import FLOWS
from img2img.metrics import METRICS, Protocol, read_protocol
from img2img.metrics.sets.registry import set_numbers
from img2img.networks.init import INITS
from img2img.recipes.checks import check
from img2img.recipes.fit import check_fit
from img2img.recipes.method import Method, name_of
from img2img.recipes.task import Task
from img2img.recipes.train_config import TrainConfig

LENGTHS = ("steps", "epochs", "minutes")
SECTIONS = ("data", "train")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of a run: task and method by name, what they say, the data and the training."""

    task_name: str
    method_name: str
    task: Task
    method: Method
    data: DataConfig
    train: TrainConfig

    def __post_init__(self) -> None:
        if self.protocol.depth != 8:
            raise UserError(f"protocol {self.task.protocol!r}: training pictures have 8 bits a sample")
        if self.task.selection not in (*self.task.metrics, "none"):
            raise UserError(f"selection {self.task.selection!r} is not among metrics ({', '.join(self.task.metrics)})")
        if self.train.patience is not None and self.task.selection == "none":
            raise UserError("train.patience waits for a better selection metric, but this task has selection: none")
        self._check_hole()
        if self.data.classes and not self.method.build_flow().from_noise:
            raise UserError(
                f"data.classes=true: flow {name_of(self.method.flow)!r} makes pictures of pictures and tells no "
                f"network their class; leave it out, or take a method of flow noise (--task images)"
            )
        if self.train.init not in INITS:
            raise unknown("initialisation", self.train.init, INITS, "train.init")

    def check_metrics(self) -> None:
        """Pictures are measured against their targets, samples out of noise as sets.

        Raises:
            UserError: a name that is no measure of what the method makes, or that is several numbers.
        """
        of_pictures = not self.method.build_flow().from_noise
        for name in self.task.metrics:
            if name in METRICS:
                continue
            if of_pictures:
                raise unknown("metric", name, METRICS, "metrics")
            numbers = set_numbers([name], "metrics")
            if name not in numbers:
                said = f"is several numbers; name those wanted: {', '.join(numbers)}"
                raise UserError(f"metrics: {name} {said if len(numbers) > 1 else f'is called {next(iter(numbers))}'}")

    @property
    def protocol(self) -> Protocol:
        """What validation measures by."""
        return read_protocol(self.task.protocol)

    @property
    def selection(self) -> str:
        """The measure that chooses the best weights, as the protocol means it, or ``none``."""
        chosen = self.task.selection
        return chosen if chosen == "none" else self.protocol.names([chosen])[0]

    def _check_hole(self) -> None:
        """What makes the central half of a picture alone cannot learn to fill holes elsewhere."""
        hole, flow = self.data.hole, name_of(self.method.flow)
        if self.data.synthesis != "hole" or not choose(FLOWS, self.method.flow, "flow", "flow").centre_only:
            return
        cure = "use data.hole.kind=centre, or a method that makes whole pictures (--method pix2pix)"
        if hole.masks is not None:
            raise UserError(f"data.hole.masks: flow {flow!r} fills the middle of a picture alone; {cure}")
        if hole.kind != "centre":
            raise UserError(f"data.hole.kind={hole.kind}: flow {flow!r} fills the middle of a picture alone; {cure}")
        if hole.share > 0.5:
            raise UserError(
                f"data.hole.share={hole.share:g}: flow {flow!r} fills half of each side; set it to 0.5 or less"
            )

    @property
    def tree(self) -> Tree:
        """Complete plain values, in the order config.yaml has them."""
        task, method = plain(self.task), plain(self.method)
        # the method's sections for tasks have done their work; descriptions are the files' own
        for tree, keys in ((task, ("description", "default_method")), (method, ("description", "tasks"))):
            for key in keys:
                tree.pop(key)
        names = {"task": self.task_name, "method": self.method_name}
        return {**names, **task, **method, "data": plain(self.data), "train": plain(self.train)}


TASK_KEYS = {f.name for f in dataclasses.fields(Task)}
METHOD_KEYS = {f.name for f in dataclasses.fields(Method)}
# the lowest layer: so that options can be given to what a default names (optimizers.generator.lr=1e-4)
OWN = ("description", "generator", "generator_losses", "tasks")
DEFAULTS = {k: v for k, v in plain(Method(generator="", generator_losses={"": 0.0})).items() if k not in OWN}
KNOWN = {"task", "method", *SECTIONS} | TASK_KEYS | METHOD_KEYS


def from_tree(tree: Tree, where: str) -> Settings:
    """Settings from a complete tree (a run's config.yaml)."""
    _refuse_unknown(tree, KNOWN, where)
    task_tree = {"default_method": tree.get("method", ""), **{k: v for k, v in tree.items() if k in TASK_KEYS}}
    method_tree = {k: v for k, v in tree.items() if k in METHOD_KEYS and k != "description"}
    return Settings(
        task_name=str(tree.get("task")),
        method_name=str(tree.get("method")),
        task=build(Task, task_tree, where),
        method=build(Method, method_tree, where),
        data=build(DataConfig, _section(tree, "data", where), f"{where}: data"),
        train=build(TrainConfig, _section(tree, "train", where), f"{where}: train"),
    )


def _refuse_unknown(tree: Tree, known: set[str], where: str) -> None:
    for key in tree:
        if key not in known:
            raise UserError(f"{where}: unknown key {key!r}{nearest(str(key), known)}")


def _section(tree: Tree, name: str, where: str) -> Tree:
    section = tree.get(name) or {}
    if not isinstance(section, dict):
        raise UserError(f"{where}: {name} must hold keys, got {section!r}")
    return section


def layer(base: Tree, over: Tree) -> Tree:
    """``merge``, but a length of training given by a later layer takes the place of an earlier one's.

    A section without keys (``data:`` alone) changes nothing.
    """
    over = {key: value for key, value in over.items() if not (key in SECTIONS and value is None)}
    before, train = base.get("train"), over.get("train")
    if isinstance(before, dict) and isinstance(train, dict) and any(train.get(key) is not None for key in LENGTHS):
        base = {**base, "train": {k: v for k, v in before.items() if k not in LENGTHS}}
    return merge(base, over)


def resolve(
    task: str | None,
    method: str | None = None,
    data: str | None = None,
    config: Path | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    begin: Tree | None = None,
) -> Settings:
    """Defaults < task < method < the method's section for the task < ``config`` < ``overrides``.

    ``overrides`` are ``key=value`` as they are typed, or keys, dotted or nested, with their values.

    ``config`` may be a run's config.yaml: it then names task and method itself, and repeats that run. ``begin`` is the
    section ``train.begin`` as flags give it, in the place of the file's.

    Raises:
        UserError: unknown names or keys, wrong types, values out of range, a flag that contradicts ``config``.
    """
    file_tree = read_yaml(config) if config else {}
    over = nested(overrides) if isinstance(overrides, Mapping) else override(overrides, _is_text)
    _check_chosen(file_tree, over, {"task": task, "method": method}, config)
    task, method, below = _named_layers(task or file_tree.get("task"), method or file_tree.get("method"))
    where = str(config) if config else f"task {task}, method {method}"
    tree: Tree = DEFAULTS
    for part in (*below, file_tree, over):
        tree = layer(tree, part)
    if data is not None:
        _check_data(data, over)
        _section(file_tree, "data", str(config))
        tree = merge(tree, {"data": {"path": data}})
    if begin is not None:
        if "begin" in _section(over, "train", "key=value"):
            raise UserError("train.begin.*: is given by --from and --from-optimizer; leave one of them out")
        tree["train"] = {**_section(tree, "train", where), "begin": begin}
    tree["task"], tree["method"] = task, method
    tree.pop("tasks", None)
    tree.pop("description", None)
    settings = from_tree(tree, where)
    try:
        check(settings.method)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    if not any("layout" in _section(given, "data", where) for given in (file_tree, over)):
        _check_fit(settings, below[0], where)
    # after the fit, which says more of a method under a task that it is not for
    settings.check_metrics()
    return settings


def _check_fit(settings: Settings, task_tree: Tree, where: str) -> None:
    """`check_fit`, by the layout that the task itself says, before the method's data keys."""
    layout = str(_section(task_tree, "data", where).get("layout", "auto"))
    default = settings.task.default_method
    check_fit(settings.task_name, default, layout, settings.method_name, settings.method, settings.data)


def _check_chosen(file_tree: Tree, over: Tree, flags: dict[str, str | None], config: Path | None) -> None:
    """Task and method are chosen by flags or by the file, once; sections for tasks stand in a method's YAML."""
    for flag in flags:
        if flag in over:
            raise UserError(f"{flag}={over[flag]}: is chosen by --{flag} {over[flag]}")
    if "tasks" in {**file_tree, **over}:
        raise UserError("tasks: sections for tasks belong into a method's YAML; give the keys in them directly")
    for flag, given in flags.items():
        said: Any = file_tree.get(flag)
        if said is not None and not isinstance(said, str):
            raise UserError(f"{config}: {flag} must be a name or a YAML file, got {said!r}")
        if said is not None and given is not None and said != given:
            raise UserError(f"--{flag} {given} contradicts {config}, which says {flag}: {said}; leave one of them out")


def _named_layers(task: str | None, method: str | None) -> tuple[str, str, tuple[Tree, Tree, Tree]]:
    """(task, method, the layers of the task, the method and the method's section for the task)."""
    if task is None:
        raise UserError(f"--task is needed{nearest('', config_files('tasks'))}")
    task_file, task_tree = named_file("tasks", task)
    method = method or task_tree.get("default_method")
    if method is None:
        raise UserError(f"{task_file}: default_method is missing")
    method_file, method_tree = named_file("methods", method)
    _refuse_unknown(task_tree, TASK_KEYS | set(SECTIONS), str(task_file))
    _refuse_unknown(method_tree, METHOD_KEYS | set(SECTIONS), str(method_file))
    sections = _section(method_tree, "tasks", str(method_file))
    return task, method, (task_tree, method_tree, _section(sections, Path(task).stem, f"{method_file}: tasks"))


def _is_text(key: str) -> bool:
    """Whether a dotted key holds text and nothing else, so that ``on`` or ``0`` is a name there."""
    section, _, rest = key.partition(".")
    owner: type[Any] = {"data": DataConfig, "train": TrainConfig}.get(section, Task if section in TASK_KEYS else Method)
    return is_text(owner, rest if section in SECTIONS else key)


def _check_data(data: str, over: Tree) -> None:
    """``--data`` takes the place of a file's path, for data move; it may repeat a ``data.path=``, not contradict it."""
    said = _section(over, "data", "key=value").get("path")
    if said is not None and Path(str(said)).resolve() != Path(data).resolve():
        raise UserError(f"--data {data} contradicts data.path={said}; leave one of them out")
