"""Layers of a configuration: defaults < task < method < its section for the task < --config < key=value."""

from __future__ import annotations

from pathlib import Path

import pytest

from img2img.config import config_files, dump_yaml
from img2img.data import DataConfig
from img2img.errors import UserError
from img2img.recipes.settings import resolve
from img2img.recipes.train_config import TrainConfig

METHOD = {"generator": "idcgan", "generator_losses": {"l1": 1}}


@pytest.fixture
def layers(tmp_path, monkeypatch):
    """Write a task, a method (with a section for the task) and a further file; resolve with overrides."""
    monkeypatch.chdir(tmp_path)

    def write(task: dict, method: dict, section: dict, file: dict | None, *over: str):
        Path("fog.yaml").write_text(dump_yaml({"default_method": "thin.yaml", **task}))
        Path("thin.yaml").write_text(dump_yaml({**METHOD, **method, "tasks": {"fog": section}}))
        Path("more.yaml").write_text(dump_yaml(file or {}))
        return resolve("fog.yaml", None, None, Path("more.yaml") if file is not None else None, over)

    return write


def values(number: int) -> dict:
    return {"train": {"steps": 10 + number, "batch": number}, "data": {"crop": 32 * number}}


def test_each_layer_goes_before_the_ones_below(layers):
    everything = [values(1), values(2), values(3), values(4)]
    over = ["train.batch=5", "train.steps=15", "data.crop=160"]
    for top in range(5):
        parts = [part if place <= top else {} for place, part in enumerate(everything)]
        if top == 0:
            parts[1] = {"train": {"seed": 1}}
        settings = layers(*parts[:3], parts[3], *(over if top == 4 else ()))
        found = (settings.train.batch, settings.train.steps, settings.data.crop)
        assert found == (top + 1, 11 + top, 32 * (top + 1))


def test_what_no_layer_says_is_the_default(layers):
    settings = layers({}, {"train": {"steps": 3}}, {}, None)
    assert settings.data == DataConfig()
    assert settings.train == TrainConfig(steps=3)
    assert settings.method.schedule == "constant"
    assert (settings.task.selection, settings.task.metrics) == ("psnr", ("psnr", "ssim"))


def test_options_reach_what_only_a_default_names(layers):
    settings = layers({}, {"train": {"steps": 3}}, {}, None, "optimizers.generator.lr=1e-3", "schedule.warmup_steps=5")
    assert settings.method.optimizers.generator == {"name": "adam", "lr": 1e-3}
    assert settings.method.schedule == {"name": "constant", "warmup_steps": 5}


def test_losses_are_added_key_by_key_and_switched_off_by_0(layers):
    method = {"train": {"steps": 3}}
    settings = layers({}, method, {}, None, "generator_losses.l2=0.5", "generator_losses.l1=0")
    assert settings.method.generator_losses == {"l1": 0, "l2": 0.5}


def test_a_section_is_for_its_task_alone(layers):
    layers({}, {"train": {"steps": 3}}, {"generator": "resnet"}, None)
    assert resolve("fog.yaml").method.generator == "resnet"
    assert resolve("derain", "thin.yaml").method.generator == "idcgan"


def test_a_network_of_a_higher_layer_does_not_inherit_options(layers):
    method = {"train": {"steps": 3}, "generator": {"name": "unet", "width": 16}}
    assert layers({}, method, {"generator": {"width": 8}}, None).method.generator == {"name": "unet", "width": 8}
    assert layers({}, method, {"generator": "resnet"}, None, "generator.width=4").method.generator == {
        "name": "resnet",
        "width": 4,
    }


@pytest.mark.parametrize(
    ("over", "length"),
    [("train.minutes=3", (None, None, 3.0)), ("train.epochs=2", (None, 2, None)), ("train.steps=7", (7, None, None))],
)
def test_a_length_takes_the_place_of_a_lower_layers(over, length, layers):
    for below in ({"steps": 5}, {"epochs": 5}, {"minutes": 5.0}):
        train = layers({"train": below}, {}, {}, None, over).train
        assert (train.steps, train.epochs, train.minutes) == length


def test_two_lengths_in_one_layer_contradict_each_other(layers):
    with pytest.raises(UserError, match=r"exactly one of .* \(given: steps and epochs\)"):
        layers({}, {"train": {"steps": 3, "epochs": 1}}, {}, None)
    with pytest.raises(UserError, match="given: none"):
        layers({}, {}, {}, None)


def test_an_empty_section_changes_nothing(layers):
    settings = layers({"data": {"crop": 64}}, {"train": {"steps": 3}}, {}, {"train": None, "data": None})
    assert (settings.data.crop, settings.train.steps) == (64, 3)


def test_a_config_names_its_task_and_method(tmp_path):
    (tmp_path / "run.yaml").write_text("task: derain\nmethod: l2\ntrain: {seed: 5}\n")
    settings = resolve(None, None, None, tmp_path / "run.yaml")
    assert (settings.task_name, settings.method_name, settings.train.seed) == ("derain", "l2", 5)
    # saying the same again is no contradiction
    assert resolve("derain", "l2", None, tmp_path / "run.yaml") == settings


@pytest.mark.parametrize(
    ("file", "words", "says"),
    [
        ({}, {"task": "edges"}, "--task edges contradicts"),
        ({}, {"method": "pan"}, "--method pan contradicts"),
        ({}, {"overrides": ["method=pan"]}, "--method pan"),
        ({}, {"overrides": ["task=edges"]}, "--task edges"),
        ({}, {"overrides": ["data.path=a"], "data": "b"}, "--data b contradicts"),
        ({}, {"overrides": ["tasks.derain.pool=5"]}, "tasks"),
        ({"tasks": {"derain": {"pool": 5}}}, {}, "tasks"),
        ({"task": ["derain"]}, {}, "task must be a name"),
        ({"trian": {}}, {}, "run.yaml: unknown key 'trian'; did you mean 'train'"),
        ({"train": {"step": 5}}, {}, "run.yaml: train: unknown key 'step'; did you mean 'steps'"),
        ({"train": 5}, {}, "train must hold keys"),
        ({"metrics": ["psnr", "sim"]}, {}, "metrics: unknown metric 'sim'; did you mean 'ssim'"),
        ({"protocol": "matlab"}, {}, "unknown protocol 'matlab'; did you mean 'matlab_y'"),
        ({"protocol": "rgb,depth=16"}, {}, "training pictures have 8 bits"),
        ({"selection": "mae"}, {}, "selection 'mae' is not among metrics (psnr, ssim)"),
        ({"train": {"init": "xaviar"}}, {}, "did you mean 'xavier'"),
        ({"generator_losses": {"l11": 1}}, {}, "run.yaml: generator_losses: unknown loss 'l11'; did you mean 'l1'"),
        ({"generator": {"name": "idcgan", "widht": 1}}, {}, "run.yaml: generator (idcgan): unknown key 'widht'"),
    ],
)
def test_contradictions_and_mistakes_are_named(file, words, says, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(dump_yaml({"task": "derain", "method": "l1", "train": {"steps": 3}, **file}))
    with pytest.raises(UserError) as error:
        resolve(words.get("task"), words.get("method"), words.get("data"), path, words.get("overrides", ()))
    assert says in str(error.value)


def test_the_same_folder_under_another_name_is_no_contradiction(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text(dump_yaml({"task": "derain", "method": "l1", "data": {"path": "pairs"}}))
    assert resolve(None, None, str(tmp_path / "pairs"), Path("run.yaml")).data.path == str(tmp_path / "pairs")


def test_data_may_have_moved_since_the_file_was_written(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(dump_yaml({"task": "derain", "method": "l1", "data": {"path": "gone", "crop": 32}}))
    data = resolve(None, None, "here", path).data
    assert (data.path, data.crop) == ("here", 32)


@pytest.mark.parametrize("text", ["on", "off", "yes", "0", "1", "1e3", "2024-01-01", "true"])
def test_what_a_key_of_text_is_given_is_text(text):
    data = resolve("derain", "l1", None, None, [f"data.source={text}", "data.target=other", f"data.path={text}"]).data
    assert (data.source, data.path) == (text, text)
    assert resolve("derain", "l1", None, None, ["data.path=null"]).data.path is None
    settings = resolve("derain", "l1", None, None, ["data.flip=off", "data.crop=32", "data.hole.share=0.25"])
    assert (settings.data.flip, settings.data.crop, settings.data.hole.share) == (False, 32, 0.25)


@pytest.mark.parametrize("name", sorted(config_files("methods")))
def test_sections_of_shipped_methods_are_for_shipped_tasks(name):
    settings = resolve("derain", name, None, None, ["data.layout=auto"])
    assert settings.method.tasks == {} or set(settings.method.tasks) <= set(config_files("tasks"))
    assert settings.method.description == ""
