"""Two real processes: equal to one, identical to each other, never hanging, and one that dies ends the other."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import two_processes
from PIL import Image

from conftest import picture
from img2img.commands import main
from img2img.compute.distributed import World

PORTS = 7


def free_ports(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What two processes did together: their folder, their results, exit statuses and last words."""
    folder: Path = tmp_path_factory.mktemp("two")
    for name in ("pairs", "photos"):
        (folder / name).mkdir()
    # five pairs and batches of four: no pass is whole
    for number in range(5):
        clean = picture(number)
        Image.fromarray(np.concatenate([clean, clean // 2], 1)).save(folder / "pairs" / f"{number}.png")
        Image.fromarray(clean // 2).save(folder / "photos" / f"{number}.png")
    two_processes.write_settings(folder)
    here = Path(__file__)
    paths = os.pathsep.join([str(here.parents[1]), str(here.parents[2])])
    ports = free_ports(PORTS)
    processes = []
    for rank in range(2):
        env = {
            **os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
            "OMP_NUM_THREADS": "1", "PYTHONPATH": paths,
        }  # fmt: skip
        command = [sys.executable, str(here.with_name("two_processes.py")), str(folder), *ports]
        processes.append(subprocess.Popen(command, env=env, stdout=-3, stderr=subprocess.PIPE, text=True))
    try:
        errors = [process.communicate(timeout=100)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    missing = [rank for rank in range(2) if not (folder / f"results{rank}.json").exists()]
    if missing:
        pytest.fail("\n".join(errors))
    results = [json.loads((folder / f"results{rank}.json").read_text()) for rank in range(2)]
    return folder, results, [process.returncode for process in processes], errors


@pytest.mark.parametrize("name", list(two_processes.EQUAL))
def test_two_processes_equal_one_with_the_same_global_batch(pair, name):
    folder, results, _, _ = pair
    # a population is the same in all processes, bit for bit
    assert results[0][name] == results[1][name]
    both = torch.load(folder / f"{name}.pt", weights_only=True)
    alone = two_processes.run_equal(name, World())
    assert both.keys() == alone.keys()
    double = two_processes.EQUAL[name][2]
    for key, value in alone.items():
        if double:
            torch.testing.assert_close(both[key], value, rtol=1e-9, atol=1e-9)
        else:
            assert (both[key] - value).norm() <= 1e-5 * value.norm() + 1e-7, key
    # and they have gone somewhere
    start = two_processes.STEPS
    two_processes.STEPS = 0
    try:
        begun = two_processes.run_equal(name, World())
    finally:
        two_processes.STEPS = start
    assert not all(torch.allclose(begun[key], alone[key], rtol=1e-6, atol=1e-6) for key in begun)


def test_the_words_between_processes(pair):
    _, results, _, _ = pair
    for result in results:
        assert result["any"] == [True, False]
        assert result["share"] == {"from": 0}
        assert result["gather"] == [0, 10]


def test_both_validate_with_the_mean_of_their_running_statistics(pair):
    folder, _, _, _ = pair
    first, second = (torch.load(folder / f"statistics{rank}.pt", weights_only=True) for rank in range(2))
    assert first["validated"].keys() == second["validated"].keys() == first["own"].keys()
    floats = [name for name, value in first["own"].items() if value.is_floating_point()]
    assert {name.split(".")[0] for name in floats} == {"live", "ema"}
    assert not all(torch.equal(first["own"][name], second["own"][name]) for name in floats)
    for name, value in first["validated"].items():
        assert torch.equal(value, second["validated"][name]), name
        if name in floats:
            mean = ((first["own"][name].double() + second["own"][name].double()) / 2).to(value.dtype)
            assert torch.equal(value, mean), name
        else:
            assert torch.equal(value, first["own"][name]), name


def test_the_main_process_clock_ends_both(pair):
    _, results, _, _ = pair
    # 3 s of 0.25 s
    assert [result["clock"] for result in results] == [[12, 12], [12, 12]]


def test_uneven_data_do_not_hang_and_rank_0_alone_writes(pair):
    folder, results, _, _ = pair
    assert [result["whole"] for result in results] == [0, 0]
    assert any("checkpoint.pt" in line for line in results[0]["written"])
    assert results[1]["written"] == []
    lines = [json.loads(line) for line in (folder / "runs/whole/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["images"] == 24


def test_a_signal_to_one_process_stops_both_and_the_run_goes_on_bit_for_bit(pair):
    folder, results, _, errors = pair
    assert [result["stopped"] for result in results] == [0, 0]
    assert "stopped at step 3 of 6" in errors[0]
    assert [result["cut"] for result in results] == [0, 0]
    assert "going on from step 3 of 6" in errors[0]
    whole, cut = (torch.load(folder / "runs" / name / "checkpoint.pt", weights_only=True) for name in ("whole", "cut"))
    assert whole["progress"]["step"] == cut["progress"]["step"] == 6
    # each process has kept its own pool
    assert len(whole["processes"]) == 2
    pools = [state["pools"]["critic"]["images"] for state in whole["processes"]]
    assert not torch.equal(pools[0][0], pools[1][0])
    weights = [(folder / "runs" / name / "weights/last.safetensors").read_bytes() for name in ("whole", "cut")]
    assert weights[0] == weights[1]


def test_another_number_of_processes_is_refused(pair, capsys):
    folder, _, _, _ = pair
    before = (folder / "runs/whole/checkpoint.pt").read_bytes()
    status = main(["train", "--config", str(folder / "config.yaml"), "--output", str(folder / "runs/whole")])
    error = capsys.readouterr().err
    assert status == 2
    assert "was started with 2 processes, now there are 1" in error
    assert error.count("\n") == 1
    assert (folder / "runs/whole/checkpoint.pt").read_bytes() == before


def test_infer_shares_the_files_out(pair):
    folder, results, _, errors = pair
    assert [result["infer"] for result in results] == [0, 0]
    assert main(two_processes.infer(folder, "one")) == 0
    for number in range(5):
        assert (folder / "two" / f"{number}.png").read_bytes() == (folder / "one" / f"{number}.png").read_bytes()
    assert "5 pictures written" in errors[0]
    assert "pictures written" not in errors[1]


def test_evaluate_gives_the_table_of_one_process(pair):
    folder, results, _, _ = pair
    assert [result["evaluate"] for result in results] == [0, 0]
    assert main(two_processes.evaluate(folder, "table1")) == 0
    for name in ("table.md", "per_image.csv"):
        assert (folder / "table2" / name).read_text() == (folder / "table1" / name).read_text()
    # two methods' rows of two metrics for five pictures, and the heading
    assert len((folder / "table1/per_image.csv").read_text().splitlines()) == 21


def test_a_process_that_is_killed_ends_the_other_with_one_line(pair):
    folder, _, statuses, errors = pair
    assert statuses == [1, -9]
    last = [line for line in errors[0].partition("LAST PART")[2].splitlines() if line.startswith("img2img:")]
    assert len(last) == 1
    assert "process 0 of 2 lost another process of this run" in last[0]
    assert "the same command" in last[0]
    assert "Traceback" not in errors[0]
    assert not (folder / "runs/dead/checkpoint.pt").exists()
