"""Networks by name (one line each)."""

from __future__ import annotations

from typing import Any

from img2img.networks.dcgan import DcganD, DcganG
from img2img.networks.idcgan import Idcgan
from img2img.networks.mlp import MlpD, MlpG
from img2img.networks.multiscale import Multiscale
from img2img.networks.neck import ContextEncoder
from img2img.networks.pan import PanCritic, PanT
from img2img.networks.patchgan import PatchGAN, PixelGAN
from img2img.networks.projection import Projection
from img2img.networks.residual import Residual
from img2img.networks.resnet import Resnet
from img2img.networks.restorer import Restorer
from img2img.networks.sn_resnet import SnResnetD, SnResnetG
from img2img.networks.spade import SpadeOptions
from img2img.networks.unet import UNet

GENERATORS: dict[str, type[Any]] = {
    "unet": UNet,
    "pan": PanT,
    "idcgan": Idcgan,
    "resnet": Resnet,
    "residual": Residual,
    "restorer": Restorer,
    "context_encoder": ContextEncoder,
    "spade": SpadeOptions,
    "dcgan": DcganG,
    "sn_resnet": SnResnetG,
    "mlp": MlpG,
    "projection": Projection,
}

CRITICS: dict[str, type[Any]] = {
    "patchgan": PatchGAN,
    "pixelgan": PixelGAN,
    "multiscale": Multiscale,
    "pan": PanCritic,
    "dcgan": DcganD,
    "sn_resnet": SnResnetD,
    "mlp": MlpD,
}
