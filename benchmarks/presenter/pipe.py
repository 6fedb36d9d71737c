"""The presenter as a diffusers pipeline, so that ``ct.DiffusersGenerator`` drives it like any other:
``ct.DiffusersGenerator(presenter.pipeline(), tie="red", guidance_scale=1.0)``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from continuity.generators.diffusers import library
from presenter.drawing import SIDE, TIES
from presenter.network import NULL, SCHEDULE, denoiser, load, patches, pixels

diffusers = library.diffusers()
Base: Any = diffusers.DiffusionPipeline
StepEnd = Callable[["PresenterPipeline", int, Any, dict[str, Any]], dict[str, Any]]

STEPPING = {"use_exponential_sigmas": True, "sigma_max": 15.0, "sigma_min": 0.01}  # above 15 noise hides everything


class PresenterPipeline(Base):  # type: ignore[misc]
    """Draws a presenter, 64 x 64, with a tie of the colour asked for. No VAE: the latents are the pixels, in [-1, 1].

    Args:
        unet: as ``presenter.network.denoiser`` makes it.
        scheduler: any of diffusers that steps with ``step(output, timestep, sample)``.
    """

    model_cpu_offload_seq = "unet"
    _callback_tensor_inputs = ("latents",)

    def __init__(self, unet: Any, scheduler: Any) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @property
    def num_timesteps(self) -> int:
        """How many steps the last call made of those asked for."""
        return int(self._num_timesteps)

    @torch.no_grad()
    def __call__(
        self,
        tie: str | None = None,
        guidance_scale: float = 1.0,
        num_inference_steps: int = 20,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: torch.Tensor | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: StepEnd | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> Any:
        """Draws one picture, or one for each generator of a list.

        Args:
            tie: a colour of ``presenter.drawing.TIES``; None leaves it to chance.
            guidance_scale: 1 follows the condition as it was learned, more exaggerates it, 0 forgets it. At 0 and 1
                the net runs once a step, else for condition and none (Ho and Salimans 2022).
            num_inference_steps: how many denoising steps.
            generator: of the noise.
            latents: noise to begin with, n x 3 x 64 x 64, in place of that of the generator.
            output_type: ``pil``, ``np`` (n x 64 x 64 x 3 in [0, 1]), ``pt`` or ``latent``.
            return_dict: False returns a tuple.
            callback_on_step_end: called after every step with pipeline, number, timestep and the tensors named in
                ``callback_on_step_end_tensor_inputs``, of which there is one: ``latents``. What it returns replaces it.
            callback_on_step_end_tensor_inputs: see there.

        Raises:
            ValueError: a tie, output type, shape or tensor name that there is not.
        """
        if tie is not None and tie not in TIES:
            raise ValueError(f"a tie was wanted ({', '.join(TIES)}), got {tie!r}")
        if output_type not in ("pil", "np", "pt", "latent"):
            raise ValueError(f"an output_type was wanted (pil, np, pt, latent), got {output_type!r}")
        if odd := set(callback_on_step_end_tensor_inputs) - set(self._callback_tensor_inputs):
            raise ValueError(f"the tensor of a step is latents, got {', '.join(sorted(odd))}")
        device, dtype = self._execution_device, self.unet.dtype
        count = len(generator) if isinstance(generator, list) else 1
        shape = (count if latents is None else len(latents), 3, SIDE, SIDE)
        self.scheduler.set_timesteps(num_inference_steps, device=device)
        if latents is None:
            latents = diffusers.utils.torch_utils.randn_tensor(shape, generator=generator, device=device, dtype=dtype)
        elif tuple(latents.shape) != shape:
            raise ValueError(f"latents of shape n x 3 x {SIDE} x {SIDE} were wanted, got {tuple(latents.shape)}")
        latents = latents.to(device, dtype) * self.scheduler.init_noise_sigma
        wanted = NULL if tie is None else list(TIES).index(tie)
        chance = (
            {} if "generator" not in inspect.signature(self.scheduler.step).parameters else {"generator": generator}
        )
        self._num_timesteps = len(self.scheduler.timesteps)
        with self.progress_bar(total=self._num_timesteps) as bar:
            for number, timestep in enumerate(self.scheduler.timesteps):
                velocity = self._predicted(
                    self.scheduler.scale_model_input(latents, timestep), timestep, wanted, guidance_scale
                )
                latents = self.scheduler.step(velocity, timestep, latents, **chance, return_dict=False)[0]
                if callback_on_step_end is not None:
                    shown = dict.fromkeys(callback_on_step_end_tensor_inputs, latents)
                    latents = (callback_on_step_end(self, number, timestep, shown) or {}).get("latents", latents)
                bar.update()
        self.maybe_free_model_hooks()
        images = latents if output_type == "latent" else self._shown(latents, output_type)
        return diffusers.ImagePipelineOutput(images=images) if return_dict else (images,)

    def _predicted(self, noisy: Any, timestep: Any, wanted: int, guidance: float) -> Any:
        """What the net says of n noisy pictures, guidance applied."""
        classes = [wanted] if guidance == 1 else [NULL] if guidance == 0 else [NULL, wanted]
        given = torch.cat([patches(noisy)] * len(classes))
        told = torch.tensor(classes, device=noisy.device).repeat_interleave(len(noisy))
        said = pixels(self.unet(given, timestep, class_labels=told).sample)
        if len(classes) == 1:
            return said
        free, told_so = said.chunk(2)
        return free + guidance * (told_so - free)

    @staticmethod
    def _shown(latents: Any, output_type: str) -> Any:
        levels = (latents.float() / 2 + 0.5).clamp(0, 1).cpu()
        if output_type == "pt":
            return levels
        array = levels.permute(0, 2, 3, 1).numpy()
        return array if output_type == "np" else diffusers.DiffusionPipeline.numpy_to_pil(array)


def pipeline(*, trained: bool = True) -> PresenterPipeline:
    """The pipeline with the weights that ship, or with random ones, on the CPU in single precision.

    Its scheduler is Euler without noise added anew, over noise levels that fall exponentially from 15 (``STEPPING``):
    what is drawn is settled by the noise that it starts from, and seen after a quarter of the steps.
    """
    scheduler = diffusers.EulerDiscreteScheduler.from_config({**SCHEDULE, **STEPPING})
    made = PresenterPipeline(unet=load() if trained else denoiser(), scheduler=scheduler)
    made.set_progress_bar_config(disable=True)
    return made
