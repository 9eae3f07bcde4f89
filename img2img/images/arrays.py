"""Arrays in .npy, .npz and MATLAB's .mat files, and files of one array as pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from img2img.errors import UserError
from img2img.files import listed

Values = np.ndarray[Any, Any]


def named_arrays(content: bytes) -> dict[str, Values]:
    """The arrays of a file's bytes by name, that of an .npy file under ''; a .mat file's without cells and structs.

    Raises:
        UserError: MATLAB 7.3 without h5py.
        ValueError, OSError, EOFError, zipfile.BadZipFile and others: damaged, or of another kind.
    """
    if content.startswith(b"\x93NUMPY"):
        return {"": np.load(io.BytesIO(content), allow_pickle=False)}
    if content.startswith(b"MATLAB 7.3"):
        return _matlab_73(content)
    if content.startswith(b"MATLAB 5.0"):
        return _matlab_5(content)
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _matlab_5(content: bytes) -> dict[str, Values]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found = loadmat(io.BytesIO(content))
    except MatReadError as error:
        raise ValueError(str(error)) from error
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray) and name[:2] != "__"}


def _matlab_73(content: bytes) -> dict[str, Values]:
    try:
        import h5py
    except ImportError as error:
        raise UserError(
            "is of MATLAB 7.3 (HDF5), which needs h5py: pip install 'img2img[matlab]', or save it with -v7"
        ) from error
    with h5py.File(io.BytesIO(content)) as file:
        # MATLAB's first index runs fastest, HDF5's last
        return {name: each[()].T for name, each in file.items() if isinstance(each, h5py.Dataset) and each.ndim}


def picture_in(path: Path) -> Values:
    """(H, W, C) of the one array in an .npy, .npz or .mat file; an .npy is mapped.

    Raises:
        UserError: damaged, no or several arrays (single numbers do not count), or one of another shape.
    """
    try:
        if path.suffix.lower() == ".npy":
            found = {"": np.load(path, mmap_mode="r", allow_pickle=False)}
        else:
            found = named_arrays(path.read_bytes())
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"no {path.suffix.lower()} file of numbers, or damaged") from error
    values = {name: each for name, each in found.items() if each.dtype.kind in "uifb" and each.size > 1}
    if len(values) != 1:
        names = f"{len(values)} arrays ({listed(list(values))})" if values else "no array"
        raise UserError(f"holds {names}; one is needed, the picture: save it alone")
    picture: Values = next(iter(values.values()))
    picture = picture[:, :, None] if picture.ndim == 2 else picture
    if picture.ndim != 3:
        raise UserError(f"an array {picture.shape}; (H, W) or (H, W, C) is needed")
    return picture


def encode_array(values: Values, format: str) -> bytes:
    """The bytes of a file of one array: ``NPY``, or ``NPZ`` or ``MAT`` (version 5), where it is called ``image``."""
    buffer = io.BytesIO()
    if format == "NPY":
        np.save(buffer, values)
    elif format == "NPZ":
        np.savez_compressed(buffer, image=values)
    else:
        from scipy.io import savemat

        savemat(buffer, {"image": values}, do_compression=True)
    return buffer.getvalue()
