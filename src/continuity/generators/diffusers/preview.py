"""A look at a render that is not finished: the clean latents that it is heading for, decoded at next to no cost."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from continuity.errors import UsageError
from continuity.generators.diffusers import library
from continuity.media import Image

log = logging.getLogger(__name__)

PICTURES, SIDE, AT_ONCE = 12, 128, 4  # what the linear map is fitted on: about 3,000 places for a VAE of factor 8


class Previews:
    """Decodes latents for looking at them: with the VAE that was given, else by a linear map from latents to colours,
    else with the pipeline's own VAE. Three-channel latents of a pipeline without a VAE are the picture itself.

    The map is fitted once, from the pipeline's own VAE: what its encoder makes of drawn pictures, against the mean
    colour of the pixels under each latent (least squares). Its picture has one pixel for each latent: a thumbnail of
    colours and layout, without faces or marks.

    Args:
        vae: decodes in place of the map, such as an ``AutoencoderTiny``; or ``pipe.vae``, which costs the most.

    Raises:
        UsageError: something that does not decode.
    """

    def __init__(self, vae: Any | None = None) -> None:
        if vae is not None and not (hasattr(vae, "decode") and hasattr(vae, "config") and hasattr(vae, "parameters")):
            raise UsageError(
                f"preview_vae: a diffusers autoencoder was wanted, such as AutoencoderTiny; got {type(vae).__name__}"
            )
        self.vae = vae
        self._fitted: tuple[Any, Any | None] = (None, None)  # a VAE, and its map where it has one

    def picture(self, pipe: Any, latents: Any, arguments: Mapping[str, Any]) -> Image:
        """The first item of latents; of a clip one frame of it, the first or the middle.

        Nothing of torch's random state is drawn.

        Raises:
            UsageError: the pipeline has no VAE and its latents are no pixels, or they are packed in a way not known.
        """
        torch = library.torch()
        own = getattr(pipe, "vae", None)
        if own is None and getattr(latents, "ndim", 0) == 4 and latents.shape[1] == 3:
            return _image(latents[0])  # a pipeline that denoises the pixels themselves
        if own is None or not hasattr(latents, "ndim"):
            raise UsageError(f"a preview was wanted, and {type(pipe).__name__} has no VAE to decode its latents with")
        vae = self.vae if self.vae is not None else own
        with torch.no_grad():
            latents, in_time = _one(vae, own, _unpacked(pipe, latents[:1], arguments))
            foreign = self.vae is not None and self.vae is not own  # lies where its owner put it; hooks move the pipe's
            device = next(vae.parameters()).device if foreign else getattr(pipe, "_execution_device", latents.device)
            latents = _unscaled(vae, latents.float()).to(device)
            linear = self._linear(own, device) if self.vae is None else None
            frame = _decoded(vae, latents, in_time) if linear is None else _mapped(linear, latents, in_time)
            return _image(frame)

    def _linear(self, vae: Any, device: Any) -> Any | None:
        """The map of this VAE, (channels + 1) x 3; None where its encoder cannot be used."""
        if self._fitted[0] is not vae:
            try:
                self._fitted = (vae, fit(vae, device))
            except Exception as cause:  # a VAE of a kind of its own
                log.warning("previews take the whole VAE: no linear map can be fitted to it (%s)", cause)
                self._fitted = (vae, None)
        return self._fitted[1]


def _image(frame: Any) -> Image:
    """Of channels x height x width in [-1, 1]."""
    levels = ((frame.detach().float() / 2 + 0.5).nan_to_num().clamp(0, 1) * 255).round().to(library.torch().uint8)
    return Image.from_array(levels.permute(1, 2, 0).cpu().contiguous().numpy()[..., :3])


def fit(vae: Any, device: Any) -> Any:
    """Least squares from the latents of a VAE, as its decoder takes them, to RGB in [-1, 1].

    Returns:
        (channels + 1) x 3 float32 on ``device``; the last row is the offset.
    """
    torch = library.torch()
    places, colours = [], []
    pictures = torch.from_numpy(drawn(PICTURES, SIDE)).permute(0, 3, 1, 2)
    with _in_its_precision(vae):
        for some in pictures.split(AT_ONCE):
            given = some.to(device, vae.dtype)
            if any(isinstance(layer, torch.nn.Conv3d) for layer in vae.modules()):
                given = given[:, :, None]
            encoded = vae.encode(given)
            found = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
            found = (found[:, :, 0] if found.ndim == 5 else found).float().cpu()
            pooled = torch.nn.functional.adaptive_avg_pool2d(some, found.shape[-2:])
            places.append(found.movedim(1, -1).flatten(0, 2))
            colours.append(pooled.movedim(1, -1).flatten(0, 2))
    x, y = torch.cat(places).double(), torch.cat(colours).double()
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    weights = torch.linalg.lstsq(x, y, driver="gelsd").solution
    left = ((x @ weights - y) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)
    log.info("previews: a linear map explains %s of red, green and blue", ", ".join(f"{1 - e:.0%}" for e in left))
    if not bool(torch.isfinite(weights).all()):
        raise ValueError("its encoder gives no finite numbers")
    return weights.float().to(device)


def drawn(count: int, side: int) -> Any:
    """Pictures with every colour in broad and narrow patches: count x side x side x 3 float32 in [-1, 1]."""
    random = np.random.default_rng(0)
    made = np.zeros((count, side, side, 3), np.float32)
    for picture in made:
        for cells in (2, 4, 8, 16):  # coarse to fine, each smooth on its own scale
            grid = random.uniform(-1, 1, (cells + 1, cells + 1, 3))
            at = np.linspace(0, cells, side, endpoint=False)
            low, part = at.astype(int), (at % 1)[:, None, None]
            rows = grid[low] * (1 - part) + grid[low + 1] * part
            across = part.reshape(1, side, 1)
            picture += (rows[:, low] * (1 - across) + rows[:, low + 1] * across) / 1.6
        for _ in range(6):  # hard edges
            top, left = random.integers(0, side - 8, 2)
            height, width = random.integers(8, side // 2, 2)
            picture[top : top + height, left : left + width] = random.uniform(-1, 1, 3)
    return np.clip(made, -1, 1)


def _mapped(weights: Any, latents: Any, in_time: bool) -> Any:
    one = latents[0, :, 0] if in_time else latents[0]
    found = one.movedim(0, -1) @ weights[:-1].to(one) + weights[-1].to(one)
    return found.movedim(-1, 0)


def _decoded(vae: Any, latents: Any, in_time: bool) -> Any:
    with _in_its_precision(vae):
        pixels = vae.decode(latents.to(vae.dtype), return_dict=False)[0]
        return pixels[0, :, 0] if in_time else pixels[0]


@contextmanager
def _in_its_precision(vae: Any) -> Iterator[None]:
    """Some VAEs overflow in half precision, and say so."""
    torch = library.torch()
    upcast = vae.dtype == torch.float16 and bool(vae.config.get("force_upcast"))
    if upcast:
        vae.to(torch.float32)
    try:
        yield
    finally:
        if upcast:
            vae.to(torch.float16)


def _unpacked(pipe: Any, latents: Any, arguments: Mapping[str, Any]) -> Any:
    """Flux and its like hold latents as a sequence of patches."""
    if latents.ndim != 3:
        return latents
    if not hasattr(pipe, "_unpack_latents"):
        raise UsageError(f"a preview was wanted, and the latents of {type(pipe).__name__} are packed in its own way")
    side = getattr(pipe, "default_sample_size", 0) * pipe.vae_scale_factor
    height, width = (arguments.get(name) or side for name in ("height", "width"))
    return pipe._unpack_latents(latents, height, width, pipe.vae_scale_factor)


def _one(vae: Any, own: Any, latents: Any) -> tuple[Any, bool]:
    """Latents of one frame, and whether the VAE that decodes them does it in time as well."""
    torch = library.torch()
    if latents.ndim != 5:
        return latents, False
    channels = own.config.get("z_dim") or own.config.get("latent_channels")
    if latents.shape[1] != channels:  # frames before channels
        latents = latents.transpose(1, 2)
    if any(isinstance(layer, torch.nn.Conv3d) for layer in own.modules()):  # causal: the first frame needs no other
        in_time = any(isinstance(layer, torch.nn.Conv3d) for layer in vae.modules())
        return (latents[:, :, :1] if in_time else latents[:, :, 0]), in_time
    return latents[:, :, latents.shape[2] // 2], False


def _unscaled(vae: Any, latents: Any) -> Any:
    """What the VAE decodes, of what the denoiser works on."""
    torch = library.torch()
    config = vae.config
    latents = latents / (config.get("scaling_factor") or 1.0)
    mean, std = config.get("latents_mean"), config.get("latents_std")
    if mean is not None and std is not None:
        shape = (1, -1, *[1] * (latents.ndim - 2))
        mean, std = (torch.tensor(one).view(shape).to(latents) for one in (mean, std))
        latents = latents * std + mean
    return latents + (config.get("shift_factor") or 0.0)
