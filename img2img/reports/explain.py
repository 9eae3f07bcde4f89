"""The same results under every protocol, so that a reader sees why his number differs from somebody else's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from img2img.metrics import METRICS, PROTOCOLS, Protocol, read_protocol
from img2img.reports.table import Table

WHY = {
    "psnr": (
        "PSNR: the mean of the channels' PSNRs is never below that of one MSE; grey and Y average the noise of three "
        "channels away, which raises it; Y in 16 to 235 (MATLAB's) has smaller errors than full-range luma, which adds "
        "20 log10(255 / 219) = 1.32 dB; rounding Y to 8 bits changes some thousandths of a dB."
    ),
    "ssim": (
        "SSIM: the mean of three channels is below that of their luma where the noise of the channels is independent; "
        "ssim.m's automatic downsampling (sides from 384 px on) hides fine differences and raises it."
    ),
}
OTHERS = "{}: the mean of three channels is below that of their luma where the noise of the channels is independent."


def groups(metric: str) -> list[list[Protocol]]:
    """All shipped protocols (for PSNR also the mean of channels), those together that mean the same for a measure."""
    channels = [read_protocol("rgb,psnr=channels")] if metric == "psnr" else []
    same: dict[tuple[object, ...], list[Protocol]] = {}
    for protocol in (PROTOCOLS["rgb"], *channels, *PROTOCOLS.values()):
        own = {"psnr": protocol.colour == "rgb" and protocol.psnr, "ssim": protocol.ssim_auto}.get(metric)
        group = same.setdefault((protocol.colour, protocol.crop, protocol.resize, own), [])
        if protocol not in group:
            group.append(protocol)
    return list(same.values())


def needed(metrics: Sequence[str]) -> list[tuple[Protocol, tuple[str, ...]]]:
    """What must be measured for `explain`: a protocol of each group, with the measures it stands for."""
    found: dict[str, tuple[Protocol, list[str]]] = {}
    for metric in metrics:
        for group in groups(metric):
            found.setdefault(group[0].label, (group[0], []))[1].append(metric)
    return [(protocol, tuple(names)) for protocol, names in found.values()]


def explain(tables: Mapping[str, Table], metrics: Sequence[str]) -> str:
    """Means of every method under every protocol, from one table a protocol (by label), and why they differ."""
    lines = []
    methods = next(iter(tables.values())).methods
    for metric in metrics:
        about = METRICS[metric]
        lines.append(f"{about.title}{f' ({about.unit})' if about.unit else ''} of the same files:")
        for method in methods:
            parts = []
            for group in groups(metric):
                mean, _ = tables[group[0].label].mean(method, group[0].names([metric])[0])
                parts.append(f"{' = '.join(protocol.label for protocol in group)} {mean:.{about.digits}f}")
            lines.append(f"  {method}: {' · '.join(parts)}")
    return "\n".join([*lines, *(WHY.get(metric, OTHERS.format(METRICS[metric].title)) for metric in metrics)])
