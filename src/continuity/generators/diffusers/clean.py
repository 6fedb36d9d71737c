"""The clean latents that a denoiser expects at a step of its way, long before it gets there."""

from __future__ import annotations

import functools
import inspect
from typing import Any

TYPES = ("epsilon", "sample", "original_sample", "v_prediction", "flow_prediction")


class Tap:
    """Listens to ``scheduler.step`` during one call; what the step returns is what it returned before.

    ``step`` becomes an attribute of the scheduler itself: whoever restores its attributes takes the tap off. The
    wrapper keeps the signature, which pipelines inspect: one that does not see ``generator`` and ``eta`` in it makes a
    stochastic scheduler draw from the global random state, and the seed stops mattering.
    """

    def __init__(self, scheduler: Any) -> None:
        step, signature = scheduler.step, inspect.signature(scheduler.step)
        self._scheduler = scheduler
        self._last: tuple[Any, Any, Any, int | None] | None = None

        @functools.wraps(step)
        def tapped(*args: Any, **more: Any) -> Any:
            result = step(*args, **more)
            given = signature.bind_partial(*args, **more).arguments
            index = getattr(scheduler, "step_index", None)  # counted on by now
            self._last = (
                given.get("model_output"),
                given.get("timestep"),
                given.get("sample"),
                None if index is None else index - 1,
            )
            return result

        scheduler.step = tapped

    def clean(self) -> Any | None:
        """The expected clean latents of the last step, in float32; None where that is not known of this scheduler."""
        return None if self._last is None else clean_latents(self._scheduler, *self._last)


def clean_latents(scheduler: Any, output: Any, timestep: Any, sample: Any, index: int | None) -> Any | None:
    """The clean latents x0 that one denoiser output stands for.

    With sample = alpha x0 + sigma noise (alpha is 1 where a scheduler counts in sigmas alone), the output is the
    noise (epsilon: Ho et al. 2020), x0 itself (sample), the velocity v = alpha noise - sigma x0 (Salimans and Ho 2022),
    or the direction noise - x0 of a straight flow (Liu et al. 2022; Lipman et al. 2022).

    Args:
        scheduler: whose step it was.
        output: what the denoiser gave, guidance applied; more channels than the latents (a learned variance) are cut.
        timestep: of the step.
        sample: the latents before the step.
        index: the number of the step in the scheduler's schedule, where it counts them.

    Returns:
        Float32 of the shape of ``sample``, or None where the scheduler has other rules (or an argument is missing).
    """
    if output is None or sample is None:
        return None
    sample, output = sample.float(), output.float()[:, : sample.shape[1]]
    sigmas = getattr(scheduler, "sigmas", None)
    sigma = None if sigmas is None or index is None else sigmas[index].to(sample)
    flows = type(scheduler).__name__.startswith("FlowMatch")
    kind = "flow_prediction" if flows else scheduler.config.get("prediction_type", "epsilon")
    if kind not in TYPES:
        return None
    if kind == "flow_prediction":
        return None if sigma is None else sample - sigma * output
    if "sample" in kind:
        return output
    if hasattr(scheduler, "precondition_outputs"):  # Karras et al. 2022
        return None if sigma is None else scheduler.precondition_outputs(sample, output, sigma)
    found = _alpha_sigma(scheduler, timestep, sample, sigma)
    if found is None:
        return None
    alpha, sigma = found
    if kind == "epsilon":
        return (sample - sigma * output) / alpha
    squared = alpha**2 + sigma**2  # 1 but for a scheduler that counts in sigmas
    return alpha * sample / squared - sigma * output / squared**0.5


def _alpha_sigma(scheduler: Any, timestep: Any, sample: Any, sigma: Any | None) -> tuple[Any, Any] | None:
    cumulative = getattr(scheduler, "alphas_cumprod", None)
    if cumulative is None or hasattr(scheduler, "sigmas_interpol"):  # KDPM2 evaluates between its sigmas
        return None
    if sigma is not None and hasattr(scheduler, "_sigma_to_alpha_sigma_t"):
        alpha, sigma = scheduler._sigma_to_alpha_sigma_t(sigma)
        return alpha, sigma
    if sigma is not None:
        return sigma * 0 + 1, sigma
    if timestep is None or getattr(scheduler, "sigmas", None) is not None:
        return None
    share = cumulative[int(timestep)].to(sample)
    return share.sqrt(), (1 - share).sqrt()
