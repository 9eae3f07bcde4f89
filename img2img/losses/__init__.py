"""Losses, games and fitness by name (one line each)."""

from __future__ import annotations

from typing import Any

from img2img.losses.adversarial import AdversarialCritic, AdversarialGenerator
from img2img.losses.contrastive import IdentityNce, PatchNce
from img2img.losses.cycle import CycleConsistency, Identity
from img2img.losses.features import Lpips, Perceptual
from img2img.losses.fitness import QualityDiversity, RandomFitness
from img2img.losses.games import GAMES
from img2img.losses.matching import FeatureMatching
from img2img.losses.overlap import OverlapL2
from img2img.losses.penalties import R1, Dragan, GradientPenalty
from img2img.losses.perceptual import PerceptualAdversarial, PerceptualMargin
from img2img.losses.pixel import L1, L2, Charbonnier
from img2img.losses.structural import SSIM

GENERATOR_LOSSES: dict[str, type[Any]] = {
    "adversarial": AdversarialGenerator,
    "l1": L1,
    "l2": L2,
    "charbonnier": Charbonnier,
    "overlap_l2": OverlapL2,
    "ssim": SSIM,
    "perceptual": Perceptual,
    "lpips": Lpips,
    "perceptual_adversarial": PerceptualAdversarial,
    "feature_matching": FeatureMatching,
    "cycle": CycleConsistency,
    "identity": Identity,
    "patch_nce": PatchNce,
    "identity_nce": IdentityNce,
}

CRITIC_LOSSES: dict[str, type[Any]] = {
    "adversarial": AdversarialCritic,
    "perceptual_margin": PerceptualMargin,
    "gradient_penalty": GradientPenalty,
    "r1": R1,
    "dragan": Dragan,
}

FITNESS: dict[str, type[Any]] = {"quality_diversity": QualityDiversity, "random": RandomFitness}

__all__ = ["CRITIC_LOSSES", "FITNESS", "GAMES", "GENERATOR_LOSSES"]
