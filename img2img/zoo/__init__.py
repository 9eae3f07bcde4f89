"""Weights that come with the package, by name: NAME.safetensors and NAME.yaml beside this file are one model."""

from img2img.zoo.entry import Figure, Picture, Sample, ZooEntry, read_entry
from img2img.zoo.shelf import entry_of, folder, names, shipped_file

__all__ = ["Figure", "Picture", "Sample", "ZooEntry", "entry_of", "folder", "names", "read_entry", "shipped_file"]
