"""Data: pairs, photos with made degradations, unpaired folders, arrays and toy mixtures, split by scene."""

from img2img.data.config import DataConfig
from img2img.data.mix import open_data
from img2img.data.opening import Data, made_source, open_test
from img2img.data.samples import Samples

__all__ = ["Data", "DataConfig", "Samples", "made_source", "open_data", "open_test"]
