"""Files of arrays, recognised by their content: .npy, .npz, .mat, .csv, MNIST's idx, CIFAR-10's two kinds."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from img2img.errors import UserError
from img2img.files import listed
from img2img.images.arrays import named_arrays

Values = np.ndarray[Any, Any]
KINDS = ".npy, .npz, .mat, .csv, idx (MNIST) or a batch of CIFAR-10"
# what the names of files and arrays call labels, and the parts that are not trained on
LABELS = ("labels", "label", "y", "fine_labels")
IMAGES = ("images", "x", "data")
HELD_BACK = ("t10k", "test")
# a CIFAR-10 record: the label, then 32 x 32 red, green and blue levels
RECORD = 1 + 3072
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
DAMAGED = (OSError, ValueError, EOFError, TypeError, KeyError, AttributeError, IndexError, zipfile.BadZipFile,
           zlib.error, pickle.UnpicklingError, SyntaxError, NotImplementedError)  # fmt: skip


@dataclass(frozen=True)
class Arrays:
    """What files hold: ``values`` (N, ...) as they stand there, ``labels`` (N,) int64 or None, names of columns."""

    values: Values
    labels: Values | None = None
    columns: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


def read_arrays(path: Path) -> Arrays:
    """The samples of a file, or of the training files of a folder (its test files are left aside).

    Raises:
        UserError: unknown or damaged, several arrays and none called images, labels of another count.
    """
    if path.is_dir():
        return _of_folder(path)
    return _checked(path, replace(_of_file(path), files=(path,)))


def array_files(folder: Path) -> list[Path]:
    """The files of a folder (not below it) that hold arrays; text does not count, as it lies beside pictures too."""
    return [file for file in sorted(folder.iterdir()) if file.is_file() and recognised(file) not in (None, _csv)]


def recognised(path: Path) -> Callable[[Path, bytes], Arrays] | None:
    """What reads a file, by how it begins; None where nothing does."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as packed:
                head = packed.read(128)
    except DAMAGED:
        return None
    for magic, reader in MAGIC.items():
        if head.startswith(magic):
            return reader
    if head[:2] == b"\0\0" and head[2:3] and head[2] in IDX_TYPES and 1 <= head[3] <= 4:
        return _idx
    if path.suffix == ".npz":
        return _npz
    size = path.stat().st_size
    if size and size % RECORD == 0 and head[0] < 10 and path.suffix == ".bin":
        return _cifar_binary
    return _csv if path.suffix.lower() in (".csv", ".tsv", ".txt") else None


def _of_file(path: Path) -> Arrays:
    reader = recognised(path)
    if reader is None:
        raise UserError(f"--data {path}: is a file; a folder of pictures is needed, or arrays ({KINDS})")
    try:
        content = path.read_bytes()
        return reader(path, gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)
    except DAMAGED as error:
        if reader is _npz:
            raise UserError(f"--data {path}: an .npz with an array 'images' is needed; this is none, or damaged") from (
                error
            )
        why = " ".join(str(error).split(";")[0].split())[:120]
        if reader is _csv:
            raise UserError(
                f"--data {path}: is no table of numbers ({why}); fill empty cells, leave out columns of words"
            ) from error
        raise UserError(f"--data {path}: damaged ({why})") from error


def _of_folder(folder: Path) -> Arrays:
    """Parts of one set in a folder joined: MNIST's two files, CIFAR-10's five batches, or the one file."""
    files = [file for file in array_files(folder) if not _called(file, LABELS)]
    training = [file for file in files if not file.name.lower().startswith(HELD_BACK)] or files
    if not training:
        raise UserError(f"--data {folder}: no arrays in it ({KINDS})")
    batches = all(recognised(file) in (_cifar_binary, _pickle) for file in training)
    if len(training) > 1 and not batches:
        names = listed([file.name for file in training])
        raise UserError(f"--data {folder}: several files of arrays ({names}); name the one that is meant")
    parts = [read_arrays(file) for file in training]
    labels = [part.labels for part in parts if part.labels is not None]
    return Arrays(
        np.concatenate([part.values for part in parts]),
        np.concatenate(labels) if len(labels) == len(parts) else None,
        parts[0].columns,
        tuple(training),
    )


def _called(file: Path, words: tuple[str, ...]) -> bool:
    """Whether a part of a file's name is one of the words: t10k-labels-idx1-ubyte.gz."""
    return bool(set(file.name.lower().replace(".", "-").replace("_", "-").split("-")) & set(words))


def _checked(path: Path, arrays: Arrays) -> Arrays:
    values, labels = arrays.values, arrays.labels
    if values.ndim < 2 or 0 in values.shape or values.dtype.kind not in "buif":
        raise UserError(
            f"--data {path}: holds {values.dtype} {values.shape}; rows (N, F) or images (N, H, W, 1 or 3) of numbers "
            f"are needed"
        )
    if labels is not None:
        if labels.size != len(values):
            raise UserError(f"--data {path}: {len(values)} samples and {labels.size} labels; each needs its own")
        if labels.dtype.kind not in "buif" or not np.array_equal(labels, labels.astype(np.int64)):
            raise UserError(f"--data {path}: its labels are no whole numbers")
        labels = labels.reshape(-1).astype(np.int64)
    if not np.isfinite(values).all():
        where = np.argwhere(~np.isfinite(values))
        place = ", ".join(str(number) for number in where[0])
        raise UserError(
            f"--data {path}: {len(where)} values are NaN or infinite, the first at [{place}]; fill them or leave out "
            f"their rows"
        )
    return replace(arrays, labels=labels)


def _chosen(path: Path, found: Mapping[str, Values]) -> Arrays:
    """The array called images (or the only one) and the one called labels.

    Raises:
        UserError: several that could be meant, or none.
    """
    labels = next((name for name in LABELS if name in found), None)
    others = [name for name in found if name != labels]
    named = next((name for name in IMAGES if name in others), None)
    if named is None and len(others) != 1:
        names = f"several arrays ({listed(others)})" if others else "no array"
        raise UserError(f"--data {path}: {names}; call the one that is meant 'images', and its labels 'labels'")
    return Arrays(np.asarray(found[named or others[0]]), None if labels is None else np.asarray(found[labels]))


def _npy(path: Path, content: bytes) -> Arrays:
    return Arrays(named_arrays(content)[""])


def _npz(path: Path, content: bytes) -> Arrays:
    return _chosen(path, named_arrays(content))


def _mat(path: Path, content: bytes) -> Arrays:
    try:
        return _chosen(path, named_arrays(content))
    except UserError as error:
        if str(path) in str(error):
            raise
        raise UserError(f"--data {path}: {error}") from error


def _hdf5(path: Path, content: bytes) -> Arrays:
    raise UserError(f"--data {path}: is HDF5, but not MATLAB's; save it as .npy")


def _csv(path: Path, content: bytes) -> Arrays:
    """Numbers with one delimiter; a first line that is not all numbers names the columns. ``label`` is the labels."""
    text = content.decode("utf-8-sig")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    separated = delimiter if delimiter in first else None
    cells = [cell.strip().strip('"') for cell in (first.split(separated) if separated else first.split())]
    named = not all(_is_number(cell) for cell in cells)
    values = np.loadtxt(io.StringIO(text), delimiter=separated, skiprows=int(named), ndmin=2, comments=None)
    columns = tuple(cells) if named else ()
    if named and len(columns) != values.shape[1]:
        raise ValueError(f"{len(columns)} names of columns for {values.shape[1]} columns")
    place = next((number for number, name in enumerate(columns) if name.lower() in ("label", "labels")), None)
    if place is None:
        return Arrays(values, None, columns)
    return Arrays(np.delete(values, place, 1), values[:, place], (*columns[:place], *columns[place + 1 :]))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _idx(path: Path, content: bytes) -> Arrays:
    """MNIST's format: 0, 0, the type, the number of sides, the sides as big-endian int32, the values."""
    values = _idx_values(content)
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    labels = None
    if beside != path and beside.is_file():
        packed = beside.read_bytes()
        labels = _idx_values(gzip.decompress(packed) if packed.startswith(b"\x1f\x8b") else packed)
    return Arrays(values, labels)


def _idx_values(content: bytes) -> Values:
    count = content[3]
    sides = np.frombuffer(content, ">i4", count, 4)
    values = np.frombuffer(content, IDX_TYPES[content[2]], offset=4 + 4 * count)
    if values.size != int(np.prod(sides, dtype=np.int64)):
        raise ValueError(f"it should hold {'x'.join(map(str, sides))} values and holds {values.size}")
    return values.reshape(sides).astype(values.dtype.newbyteorder("="))


def _cifar_binary(path: Path, content: bytes) -> Arrays:
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return Arrays(_from_planes(records[:, 1:]), records[:, 0])


def _from_planes(rows: Values) -> Values:
    """(N, 3072) of red, green and blue planes as (N, 32, 32, 3)."""
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


class _Numbers(pickle.Unpickler):
    """Opens what CIFAR-10's python batches hold, arrays and plain values; anything else could be a program."""

    ALLOWED: ClassVar[set[tuple[str, str]]] = {
        ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
    }  # fmt: skip

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which no array needs")
        return super().find_class(module, name)


def _pickle(path: Path, content: bytes) -> Arrays:
    found = _Numbers(io.BytesIO(content), encoding="bytes").load()
    tree = {key.decode() if isinstance(key, bytes) else key: value for key, value in found.items()}
    return Arrays(_from_planes(np.asarray(tree["data"])), np.asarray(tree["labels"]))


MAGIC: dict[bytes, Callable[[Path, bytes], Arrays]] = {
    b"\x93NUMPY": _npy,
    b"PK\x03\x04": _npz,
    b"MATLAB 5.0": _mat,
    b"MATLAB 7.3": _mat,
    b"\x89HDF": _hdf5,
    b"\x80\x02": _pickle,
    b"\x80\x03": _pickle,
    b"\x80\x04": _pickle,
    b"\x80\x05": _pickle,
}
