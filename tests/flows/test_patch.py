"""In-painting by a patch: what generator, critic and loss see of a picture, and what is pasted where."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from translators import translator

from conftest import small
from img2img.errors import UserError
from img2img.flows import FLOWS
from img2img.losses import GENERATOR_LOSSES
from img2img.networks import CRITICS, GENERATORS
from img2img.recipes.settings import resolve
from img2img.types import Batch

NECK = {"name": "context_encoder", "width": 4, "neck": 160}


def batch(side: int = 128, overlap: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.rand(2, 3, side, side, generator=generator) * 2 - 1 for _ in "st")
    mask = torch.zeros(2, 1, side, side)
    inner = slice(side // 4 + overlap, 3 * side // 4 - overlap)
    mask[:, :, inner, inner] = 1
    return Batch(source=source, target=target, mask=mask, index=torch.arange(2))


def played(network, given: Batch):
    flow = FLOWS["patch"]()
    images = flow.images({"generator": network}, given)
    return images, flow.matches(given, images, conditional=False)


def test_only_the_inner_56_px_are_pasted_and_the_critic_sees_the_64_alone():
    given = batch()
    images, (match,) = played(lambda x: x + 0.5, given)
    assert images["patch"].shape == match.fake.shape == match.real.shape == (2, 3, 64, 64)
    assert torch.equal(match.real, given.target[:, :, 32:96, 32:96])
    assert torch.equal(match.fake, (given.source + 0.5)[:, :, 32:96, 32:96])
    assert match.condition is None
    pasted = given.source.clone()
    pasted[:, :, 36:92, 36:92] += 0.5
    assert torch.equal(images["fake"], pasted)


def test_the_overlap_weighs_ten_times_as_much_and_the_sum_is_divided_by_all_elements():
    given = batch()
    # an error of 0.5 in one pixel of the overlap, of 0.25 in one of the hole, and a huge one outside the patch
    output = given.target.clone()
    output[0, 1, 34, 50] += 0.5
    output[1, 2, 64, 64] -= 0.25
    output[0, 0, 3, 3] += 100
    images, _ = played(lambda x: output, given)
    view = type("View", (), {"batch": given, "images": images})()
    found = GENERATOR_LOSSES["overlap_l2"]()(view)
    assert found.item() == pytest.approx((10 * 0.5**2 + 0.25**2) / (2 * 3 * 64 * 64), rel=1e-5)
    # a weight of 1 is the plain mean
    plain = GENERATOR_LOSSES["overlap_l2"](weight=1.0)(view).item()
    assert plain == pytest.approx(float(((images["patch"] - given.target[:, :, 32:96, 32:96]) ** 2).mean()))
    with pytest.raises(UserError, match="needs data with a target and a mask"):
        GENERATOR_LOSSES["overlap_l2"]()(type("View", (), {"batch": replace(given, mask=None), "images": images})())


@pytest.mark.parametrize("name", ["pan", "context_encoder"])
def test_the_published_networks_have_these_maps(name):
    network = GENERATORS[name](**({"form": "neck"} if name == "pan" else {})).build(
        in_channels=3, out_channels=3, size=128
    )
    convolutions = [part for part in network.layers if hasattr(part, "kernel_size")]
    down, up = (64, 64, 128, 256, 512, 4000), (512, 256, 128, 64, 3)
    assert tuple(part.out_channels for part in convolutions) == down + up
    kernel = 3 if name == "pan" else 4
    assert [part.kernel_size[0] for part in convolutions] == [kernel] * 5 + [4] * 6


def test_pan_s_critic_of_a_patch_has_the_release_s_maps():
    critic = CRITICS["pan"](form="patch", width=4).build(in_channels=3, size=64)
    sides = [feature.shape[-1] for feature in critic(torch.zeros(2, 3, 64, 64)).features]
    assert sides == [62, 31, 31, 16, 16, 8, 8, 4, 4]
    assert critic.linear.in_features == 128


@pytest.mark.parametrize(("height", "width"), [(128, 128), (64, 64), (95, 201), (2, 3)])
def test_what_is_made_lies_in_the_central_half_at_any_size(height, width):
    made = translator(NECK, size=64)
    output = made.tensor(torch.rand(1, 3, height, width) * 2 - 1)
    down, across = max(1, round(height / 2)), max(1, round(width / 2))
    top, left = (height - down) // 2, (width - across) // 2
    inside = torch.zeros(height, width, dtype=torch.bool)
    inside[top : top + down, left : left + across] = True
    assert output[:, :, inside].ne(0).float().mean() > 0.99
    assert output[:, :, ~inside].abs().sum() == 0


def test_a_larger_picture_is_filled_as_its_smaller_self_is():
    made = translator(NECK, size=64)
    for part in made.network.layers:
        if hasattr(part, "kernel_size"):
            # so that something is left of a picture behind so many layers
            part.weight.data.normal_(0, 0.2, generator=torch.Generator().manual_seed(0))
    wave = torch.linspace(-3, 3, 512).sin()
    large = (wave[:, None] * wave).expand(1, 3, -1, -1)
    small_one = torch.nn.functional.interpolate(large, size=(64, 64), mode="bilinear", antialias=True)
    one, other = made.tensor(large)[..., 128:384, 128:384], made.tensor(small_one)[..., 16:48, 16:48]
    larger = torch.nn.functional.interpolate(other, size=(256, 256), mode="bilinear", antialias=True)
    assert other.std() > 0.01
    assert torch.allclose(one, larger, atol=1e-5)


def test_a_hole_beyond_the_middle_is_refused_before_anything_is_made():
    filler = translator(NECK, size=64, flow="patch")
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, 10:30, 20:30] = 1
    source = torch.zeros(1, 3, 64, 64)
    with pytest.raises(UserError, match=r"the hole reaches beyond the 32x32 px in the middle of the picture \(64x64\)"):
        filler.tensor(source, mask)
    with pytest.raises(UserError, match="beyond the 32x32 px"):
        filler(source.permute(0, 2, 3, 1)[0].byte().numpy(), (mask[0, 0] * 255).byte().numpy())
    mask[:, :, :16] = 0
    known = (mask == 0).expand_as(source)
    assert torch.equal(filler.tensor(source, mask)[known], source[known])


def test_what_sees_pictures_whole_is_never_tiled():
    from img2img.inference import translator_of

    filler = translator(NECK, size=64)
    assert (
        translator_of({"generator": filler.network}, filler.method, filler.shape, filler.device, "fp32").tile == "off"
    )
    filler.tile = "auto"
    filler.tensor(torch.zeros(1, 3, 700, 900))
    assert filler.tiled == 0


@pytest.mark.parametrize(
    ("task", "keys", "words"),
    [
        (
            "inpaint",
            ["data.hole.kind=region"],
            "data.hole.kind=region: flow 'patch' fills the middle",
        ),
        ("inpaint", ["data.hole.share=0.7"], "data.hole.share=0.7: flow 'patch' fills half of each side"),
        ("inpaint", ["data.hole.masks=holes"], "data.hole.masks: flow 'patch' fills the middle"),
        ("inpaint", ["flow=inpaint"], "makes the middle of a picture alone"),
        (
            "inpaint",
            ["flow=inpaint", "generator=unet"],
            "overlap_l2 needs images that flow 'inpaint' does not make: patch",
        ),
        ("inpaint", ["generator.inference.norm=batch"], "set generator.inference.norm=running"),
        ("inpaint", ["conditional=true"], "conditional: true has no meaning in flow 'patch'"),
    ],
)
def test_combinations_without_sense_are_refused_in_a_line(task, keys, words):
    with pytest.raises(UserError) as caught:
        resolve(task, "context_encoder", None, None, keys)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_method_is_the_published_one():
    settings = resolve("inpaint", "context_encoder", None, None, [])
    method = settings.method
    weights = {term.name: term.weight for term in method.generator_terms()}
    assert weights == {"adversarial": 0.001, "overlap_l2": 0.999}
    rates = [getattr(method.optimizers, side)["lr"] for side in ("generator", "critic")]
    assert rates == [pytest.approx(2e-3), pytest.approx(2e-4)]
    assert (settings.data.load, settings.data.crop, settings.data.hole.overlap) == (350, 128, 4)
    assert (settings.train.batch, settings.train.epochs) == (64, 500)
    assert small("pan", "inpaint").method.build_flow().centre_only
