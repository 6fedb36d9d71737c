"""A look at a render that is not finished: its latents through the pipeline's own VAE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from continuity.errors import UsageError
from continuity.generators.diffusers import library
from continuity.media import Image


def preview(pipe: Any, latents: Any, arguments: Mapping[str, Any]) -> Image:
    """The latents of the first item as they are, noise included; of a clip one frame of it, the first or the middle.

    The VAE is used as the pipeline has it, and nothing of torch's random state is drawn.

    Raises:
        UsageError: the pipeline has no VAE, or its latents are packed in a way that is not known.
    """
    torch = library.torch()
    vae = getattr(pipe, "vae", None)
    if vae is None or not hasattr(latents, "ndim"):
        raise UsageError(f"a preview was wanted, and {type(pipe).__name__} has no VAE to decode its latents with")
    with torch.no_grad():
        latents, in_time = _one(vae, _unpacked(pipe, latents[:1], arguments))
        upcast = vae.dtype == torch.float16 and bool(vae.config.get("force_upcast"))  # overflows in half precision
        if upcast:
            vae.to(torch.float32)
        try:
            device = getattr(pipe, "_execution_device", latents.device)
            pixels = vae.decode(_unscaled(vae, latents.float()).to(device, vae.dtype), return_dict=False)[0]
        finally:
            if upcast:
                vae.to(torch.float16)
        frame = (pixels[0, :, 0] if in_time else pixels[0]).float()
        levels = ((frame / 2 + 0.5).nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8)
        return Image.from_array(levels.permute(1, 2, 0).cpu().contiguous().numpy()[..., :3])


def _unpacked(pipe: Any, latents: Any, arguments: Mapping[str, Any]) -> Any:
    """Flux and its like hold latents as a sequence of patches."""
    if latents.ndim != 3:
        return latents
    if not hasattr(pipe, "_unpack_latents"):
        raise UsageError(f"a preview was wanted, and the latents of {type(pipe).__name__} are packed in its own way")
    side = getattr(pipe, "default_sample_size", 0) * pipe.vae_scale_factor
    height, width = (arguments.get(name) or side for name in ("height", "width"))
    return pipe._unpack_latents(latents, height, width, pipe.vae_scale_factor)


def _one(vae: Any, latents: Any) -> tuple[Any, bool]:
    """Latents of one frame, and whether the VAE decodes in time as well."""
    torch = library.torch()
    if latents.ndim != 5:
        return latents, False
    channels = vae.config.get("z_dim") or vae.config.get("latent_channels")
    if latents.shape[1] != channels:  # frames before channels
        latents = latents.transpose(1, 2)
    if any(isinstance(layer, torch.nn.Conv3d) for layer in vae.modules()):
        return latents[:, :, :1], True  # causal in time: the first frame needs no other
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
