"""For maintainers: train a small classifier whose features sets are compared in, and put it into the package.

``python tools/train_features.py mnist --data TRAIN --test TEST`` reads img2img/metrics/sets/spaces/mnist.yaml and
writes mnist.safetensors (fp16) beside it, with its test accuracy and checksum into the YAML: minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from img2img.config import dump_yaml, read_yaml
from img2img.data.array_files import read_arrays
from img2img.data.array_sets import channels_last
from img2img.errors import UserError
from img2img.metrics.sets.spaces.shipped import FOLDER, Shipped, network_of, read_shipped, seen
from img2img.networks.classifier import SmallClassifier

BATCH = 128
LEARNING_RATE, DECAY = 0.1, 5e-4


def labelled(place: str, entry: Shipped) -> tuple[Tensor, Tensor]:
    """Pictures as the classifier looks at them, and labels (N,), of files of arrays.

    Raises:
        UserError: no labels, or other ones than the entry's classes.
    """
    arrays = read_arrays(Path(place))
    if arrays.labels is None:
        raise UserError(f"{place}: no labels; a classifier learns from them")
    if arrays.labels.min() < 0 or arrays.labels.max() >= len(entry.classes):
        raise UserError(f"{place}: labels must be 0 to {len(entry.classes) - 1}")
    values = channels_last(arrays.values)
    pictures = np.repeat(values, 3, 3) if values.shape[3] == 1 else values
    levels = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
    parts = [seen(part.float(), entry) for part in torch.split(levels, 1000)]
    return torch.cat(parts), torch.from_numpy(arrays.labels)


def moved(pictures: Tensor, flip: bool, generator: torch.Generator) -> Tensor:
    """A batch moved by up to an eighth of its side, on black, and half of it mirrored with ``flip``."""
    count, side = len(pictures), pictures.shape[2]
    most = side // 8
    padded = functional.pad(pictures, (most,) * 4, value=-1)
    offsets = torch.randint(0, 2 * most + 1, (2, count, 1), generator=generator)
    rows, columns = offsets + torch.arange(side)
    numbers = torch.arange(count)[:, None, None]
    cut = padded.permute(0, 2, 3, 1)[numbers, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    mirrored = torch.rand(count, 1, 1, 1, generator=generator) < (0.5 if flip else 0.0)
    return torch.where(mirrored, cut.flip(3), cut)


def train(entry: Shipped, pictures: Tensor, labels: Tensor, epochs: int) -> SmallClassifier:
    """A classifier trained by SGD with one cycle of the learning rate; the same for the same machine and threads."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network = network_of(entry)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), LEARNING_RATE, 0.9, weight_decay=DECAY, nesterov=True)
    steps = len(pictures) // BATCH
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, epochs * steps, pct_start=0.2)
    began = time.process_time()
    for epoch in range(epochs):
        losses = []
        for chosen in torch.randperm(len(pictures), generator=generator)[: steps * BATCH].view(steps, BATCH):
            batch = moved(pictures[chosen], not entry.grey, generator).contiguous(memory_format=torch.channels_last)
            loss = functional.cross_entropy(network(batch)[1], labels[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            cycle.step()
            losses.append(loss.detach())
        mean = float(torch.stack(losses).mean())
        print(
            f"epoch {epoch + 1} of {epochs}: loss {mean:.4f}, {time.process_time() - began:.0f} s of the processor",
            file=sys.stderr,
        )
    network.eval()
    return network


def accuracy(network: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """Share of the pictures whose class the network tells."""
    with torch.inference_mode():
        answers = torch.cat([network(part)[1].argmax(1) for part in torch.split(pictures, 1000)])
    return float((answers == labels).double().mean())


def main() -> int:
    """Train what is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(path.stem for path in FOLDER.glob("*.yaml")))
    parser.add_argument("--data", required=True, help="file or folder of arrays with labels")
    parser.add_argument("--test", required=True, help="file of arrays with labels")
    parser.add_argument("--epochs", type=int, default=16)
    given = parser.parse_args()
    try:
        entry = read_shipped(given.name)
        test = labelled(given.test, entry)
        network = train(entry, *labelled(given.data, entry), given.epochs)
    except UserError as error:
        print(f"train_features: {error}", file=sys.stderr)
        return error.exit_status
    exact = accuracy(network, *test)
    network.half().float()
    kept = {key: value.half().contiguous() for key, value in network.state_dict().items() if value.is_floating_point()}
    content = save(kept)
    place = FOLDER / f"{given.name}.yaml"
    tree = read_yaml(place)
    tree |= {"accuracy": round(accuracy(network, *test), 5), "sha256": hashlib.sha256(content).hexdigest()}
    (FOLDER / f"{given.name}.safetensors").write_bytes(content)
    place.write_text(dump_yaml(tree), encoding="utf-8")
    print(f"{given.name}: {len(content) / 1000:.0f} KB, accuracy {tree['accuracy']} (in fp32 {exact:.5f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
