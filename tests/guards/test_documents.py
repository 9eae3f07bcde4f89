"""Each command, path, link and key in README, CONTRIBUTING and docs exists; each public name has a docstring."""

from __future__ import annotations

import ast
import dataclasses
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

from img2img.commands import COMMANDS
from img2img.config import config_files
from img2img.data import DataConfig
from img2img.errors import UserError
from img2img.networks import CRITICS, GENERATORS
from img2img.recipes.method import Method
from img2img.recipes.settings import resolve
from img2img.recipes.train_config import TrainConfig

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")),
                               ROOT / "datasets/README.md")
             if path.exists()]  # fmt: skip

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
SHELL = {"sh", "bash", "shell", "console"}
TOOLS = {"make", "torchrun", "img2img", "python", "python3"}
TOP = ("img2img/", "configs/", "benchmarks/", "tools/", "docs/", "tests/", "datasets/", ".ci/")


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command of ours: lines of shell blocks, and code within a line that begins like one."""
    lines = [line for kind, block in FENCE.findall(text) if kind in SHELL for line in joined(block)]
    lines += [code for code in CODE.findall(FENCE.sub("", text)) if code.split()[0] in TOOLS]
    for line in lines:
        words = shlex.split(line.strip().removeprefix("$ "), comments=True)
        for part in split(words):
            while part and re.fullmatch(r"[A-Z_]+=\S*", part[0]):
                part = part[1:]  # NAME=value before a command
            if part and Path(part[0]).name in TOOLS:
                yield [Path(part[0]).name, *part[1:]]


def joined(block: str) -> list[str]:
    """Lines, those that end in a backslash with their next."""
    return block.replace("\\\n", " ").splitlines()


def split(words: list[str]) -> list[list[str]]:
    """The commands of a line."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word in ("&&", "||", ";", "|"):
            parts.append([])
        elif word not in ("&",):
            parts[-1].append(word)
    return parts


def fault(words: list[str], text: str, root: Path) -> str | None:
    """What is wrong with one command, or None; ``text`` may show the user's own YAML files by name."""
    name, rest = words[0], words[1:]
    if name == "make":
        targets = set(re.findall(r"^([a-z][\w-]*):", (root / "Makefile").read_text(), re.MULTILINE))
        unknown = [word for word in rest if "=" not in word and not word.startswith("-") and word not in targets]
        return f"make has no target {unknown[0]}" if unknown else None
    if name == "torchrun":
        try:
            given = get_args_parser().parse_args(rest)
        except SystemExit:
            return "torchrun does not take these arguments"
        script = ["-m", given.training_script] if given.module else [given.training_script]
        return fault(["python", *script, *given.training_script_args], text, root)
    if name in ("python", "python3"):
        if rest[:2] == ["-m", "img2img"]:
            return fault(["img2img", *rest[2:]], text, root)
        if not rest or not rest[0].endswith(".py"):
            return None
        if not (root / rest[0]).is_file():
            return f"{rest[0]} does not exist"
        tool = Path(rest[0])
        return command(tool.stem, rest[1:], text) if tool.stem in COMMANDS else tool_fault(root / tool, rest[1:])
    if not rest or rest[0] in ("--help", "--version") or rest[0].isupper():
        return None
    return command(rest[0], rest[1:], text)


def command(name: str, words: list[str], text: str) -> str | None:
    """What is wrong with the arguments of one of our commands."""
    if name not in COMMANDS:
        return f"img2img has no command {name}"
    parser = import_module(f"img2img.commands.{name}").arguments()
    words = [word for word in words if word != "--debug"]
    if words == ["--help"]:
        return None
    # a command that is only mentioned may leave out what it needs
    for action in parser._actions:
        action.required = action.required and bool(words)
    try:
        given = parser.parse_intermixed_args(words)
    except UserError as error:
        return str(error)
    if name != "train" or not words:
        return None
    named = [value for value in (given.task, given.method) if value]
    if given.config or any(value.endswith((".yaml", ".yml")) for value in named):
        missing = [value for value in named if value.endswith(".yaml") and f"`{value}`" not in text]
        return f"{missing[0]} is not shown" if missing else None
    try:
        resolve(given.task or "derain", given.method, given.data, None, given.overrides)
    except UserError as error:
        return str(error)
    return None


def tool_fault(path: Path, words: list[str]) -> str | None:
    """What is wrong with the arguments of another tool, by what its source gives to argparse."""
    known: dict[str, set[str]] = {"add_parser": set(), "add_argument": set()}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in known:
            known[node.func.attr] |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    if words and known["add_parser"] and not words[0].startswith("-") and words[0] not in known["add_parser"]:
        return f"{path.name} has no command {words[0]}"
    flags = [word.partition("=")[0] for word in words if word.startswith("--") and word != "--help"]
    unknown = [flag for flag in flags if flag not in known["add_argument"]]
    return f"{path.name} has no {unknown[0]}" if unknown else None


def slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).strip().replace(" ", "-")


def link_fault(target: str, place: Path) -> str | None:
    if re.match(r"[a-z]+:", target):
        return None
    name, _, anchor = target.partition("#")
    file = place.parent / name if name else place
    if name and not file.exists():
        return f"link to {target}, which does not exist"
    if anchor and file.suffix == ".md" and file.exists():
        headings = re.findall(r"^#+ +(.*)$", FENCE.sub("", file.read_text(encoding="utf-8")), re.MULTILINE)
        if anchor not in {slug(heading) for heading in headings}:
            return f"link to {target}, whose heading does not exist"
    return None


def path_fault(code: str, text: str, root: Path) -> str | None:
    """What is wrong with a path of the repository in code within a line."""
    if not code.startswith(TOP) or " " in code or re.search(r"\b[A-Z]\b|[A-Z]{2,}|[<>{]", Path(code).stem):
        return None
    if re.search(rf"`{re.escape(code)}`[^\n]*:\n\n```", text):
        return None  # the document shows how to write this file
    found = list(root.glob(code)) if "*" in code else [root / code.partition(":")[0]]
    return None if found and all(path.exists() for path in found) else f"{code} does not exist"


def fields(cls: type) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


KEYS = {
    "train": fields(TrainConfig),
    "data": fields(DataConfig),
    "generator": {"name", "inference"}.union(*map(fields, GENERATORS.values())),
    "critic": {"name"}.union(*map(fields, CRITICS.values())),
    "optimizers": {"generator", "critic", "*"},
}


def key_fault(code: str) -> str | None:
    """What is wrong with a dotted key of a configuration in code within a line."""
    match = re.match(r"(\w+)\.(\w+|\*)", code)
    if match is None or match[1] not in KEYS or code.endswith((".py", ".yaml")):
        return None
    return None if match[2] in KEYS[match[1]] else f"there is no key {match[1]}.{match[2]}"


def flag_fault(code: str) -> str | None:
    """What is wrong with a flag that is mentioned alone."""
    if not re.match(r"--[a-z]", code):
        return None
    flags = {"--debug", "--help", "--version"}
    for name in COMMANDS:
        flags |= set(import_module(f"img2img.commands.{name}").arguments()._option_string_actions)
    return None if code.split()[0].partition("=")[0] in flags else f"no command has {code}"


def faults(text: str, place: Path, root: Path = ROOT) -> list[str]:
    """All that a document says wrongly about what can be typed and where things lie."""
    prose = FENCE.sub("", text)
    found = [f"{' '.join(words)}: {what}" for words in commands(text) if (what := fault(words, text, root))]
    found += [what for target in LINK.findall(prose) if (what := link_fault(target, place))]
    for code in CODE.findall(prose):
        found += [what for what in (path_fault(code, text, root), key_fault(code), flag_fault(code)) if what]
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_are_true(path):
    assert faults(path.read_text(encoding="utf-8"), path) == []


def test_there_is_something_to_read():
    assert ROOT / "README.md" in DOCUMENTS
    assert len(list(commands((ROOT / "README.md").read_text(encoding="utf-8")))) >= 3
    assert len(list(commands((ROOT / "docs/index.md").read_text(encoding="utf-8")))) >= 8
    assert len(list(commands((ROOT / "docs/faq.md").read_text(encoding="utf-8")))) >= 25


@pytest.mark.parametrize(("kind", "flag"), [("tasks", "--task"), ("methods", "--method")])
def test_each_task_and_each_method_has_a_command(kind, flag):
    """The rows of the two tables are complete; that each can be typed is tested with all commands."""
    text = (ROOT / "docs/methods.md").read_text(encoding="utf-8").partition("## A command for each")[2]
    rows = re.findall(r"^\| `(\w+)` \| `(img2img train .*)` \|$", text.partition(f"| `{flag}` | command |")[2], re.M)
    its = [(name, command) for name, command in rows if f"{flag} {name} " in command]
    assert {name for name, _ in its} == set(config_files(kind))
    assert all(" --output runs/" in command for _, command in its)


GOOD = """
# A title: with `code`

[here](#a-title-with-code), [there](README.md), [away](https://example.org/x), `tools/X.py`, `configs/tasks/*.yaml`

```sh
make derain && make test
.venv/bin/img2img train --task derain \\
    --method pan --data DIR train.steps=5  # a comment
img2img infer --weights runs/derain --input photos --output dry
$ OMP_NUM_THREADS=1 python tools/evaluate.py --target a --results x=b --format latex
torchrun --nproc-per-node 2 tools/train.py --task derain --output runs/two
python tools/benchmark.py train --rounds 3
python -m img2img train --task mine.yaml
cd somewhere
```

`mine.yaml`, `img2img/losses/mine.py`:

```python
x = 1  # img2img trian
```

`make test`, `img2img train --help`, `img2img X`, `train.minutes`, `data.layout=auto`, `generator.width`,
`--print-config`, `--tile 512`
"""


def test_the_checker_passes_what_is_right(tmp_path):
    (tmp_path / "README.md").write_text(GOOD)
    assert faults(GOOD, tmp_path / "README.md") == []
    assert len(list(commands(GOOD))) == 11


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("```sh\nmake derian\n```", "derian"),
        ("```sh\nimg2img trian\n```", "trian"),
        ("```sh\nimg2img train --tusk derain\n```", "--tusk"),
        ("```sh\nimg2img train --task derian\n```", "derian"),
        ("```sh\nimg2img train --task derain --method pam\n```", "pam"),
        ("```sh\nimg2img train --task derain \\\n  train.stepz=3\n```", "stepz"),
        ("```sh\nimg2img train --task mine.yaml\n```", "mine.yaml"),
        ("```sh\nimg2img infer --input a --output b\n```", "--weights"),
        ("```sh\nimg2img evaluate --part train\n```", "--part"),
        ("```sh\npython tools/trian.py\n```", "tools/trian.py"),
        ("```sh\npython tools/infer.py --output x\n```", "--weights"),
        ("```sh\npython tools/benchmark.py trian\n```", "trian"),
        ("```sh\npython tools/benchmark.py train --round 3\n```", "--round"),
        ("```sh\ntorchrun --nproc-per-node 2 tools/train.py --task derian\n```", "derian"),
        ("```sh\ntorchrun --nproc-of-node 2 tools/train.py\n```", "torchrun"),
        ("`make tset`", "tset"),
        ("[x](nothing.md)", "nothing.md"),
        ("[x](#nothing)", "#nothing"),
        ("![x](docs/nothing.png)", "docs/nothing.png"),
        ("`img2img/nothing.py`", "img2img/nothing.py"),
        ("`configs/tsaks/*.yaml`", "configs/tsaks"),
        ("`train.minuets`", "train.minuets"),
        ("`data.lauout: auto`", "data.lauout"),
        ("`critic.widht`", "critic.widht"),
        ("`--print-confg`", "--print-confg"),
    ],
)
def test_the_checker_finds_what_is_wrong(text, says, tmp_path):
    (tmp_path / "README.md").write_text(text)
    found = faults(text, tmp_path / "README.md")
    assert len(found) == 1
    assert says in found[0]


TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "img2img").rglob("*.py"))}
# torch's words for saving and loading, which mean here what they mean there
VOCABULARY = {"state_dict", "load_state_dict"}


@cache
def protocol_members() -> set[str]:
    """Names that a Protocol of ours documents once for all that follow it."""
    return {
        member.name
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).startswith("Protocol") for base in node.bases)
        for member in node.body
        if isinstance(member, ast.FunctionDef) and ast.get_docstring(member)
    }


def undocumented(tree: ast.Module, known: set[str]) -> list[str]:
    """Public classes, functions and methods without a docstring, but for overrides and properties of one line."""
    found = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            found.append(node.name)
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            if not isinstance(member, ast.FunctionDef) or member.name.startswith("_") or ast.get_docstring(member):
                continue
            decorators = {ast.unparse(decorator) for decorator in member.decorator_list}
            trivial = "property" in decorators and len(member.body) == 1 and isinstance(member.body[0], ast.Return)
            inherits = any(not ast.unparse(base).startswith("Protocol") for base in node.bases)
            if not trivial and not inherits and member.name not in known:
                found.append(f"{node.name}.{member.name}")
    return found


@pytest.mark.parametrize("path", TREES, ids=lambda path: str(path.relative_to(ROOT / "img2img")))
def test_public_names_have_docstrings(path):
    tree = TREES[path]
    assert ast.get_docstring(tree) or not tree.body
    assert undocumented(tree, protocol_members() | VOCABULARY) == []


def test_what_a_missing_docstring_is():
    text = """
class Says(Protocol):
    def it(self): ...
class Plain:
    "documented"
    @property
    def short(self):
        return 1
    def long(self):
        pass
    def said(self):
        pass
class Child(Plain):
    "documented"
    def long(self):
        pass
def _hidden(): pass
def function(): pass
"""
    assert undocumented(ast.parse(text), {"said"}) == ["Says", "Says.it", "Plain.long", "function"]


def test_every_key_of_a_method_is_known_to_the_documents_checker():
    assert {"generator", "critic", "optimizers"} <= fields(Method)
