"""Any diffusers pipeline whose output is pictures or frames, as a generator."""

from __future__ import annotations

import copy
import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from continuity.errors import Aborted, MediaError, RenderFailed, UsageError
from continuity.generators.diffusers import calls, library, media_arguments, outcomes, recording, turning, weights
from continuity.generators.diffusers.adapters import scaled
from continuity.generators.diffusers.attached import Attached, StoppedByWatch, seeded
from continuity.generators.diffusers.calls import Call
from continuity.generators.diffusers.clock import Clock
from continuity.generators.diffusers.media_arguments import Kept
from continuity.generators.diffusers.preview import Previews
from continuity.interfaces import Watch
from continuity.records import Cost, InputMedium, Json, Recipe, Rendered

log = logging.getLogger(__name__)

RATES = ("frame_rate", "fps")  # what pipelines call it that take it as an argument


class DiffusersGenerator:
    """Renders with a diffusers pipeline: Stable Diffusion, SDXL, SD3, Flux, AnimateDiff, Wan, CogVideoX and their like.

    The pipeline is called as its user would call it, with one CPU ``torch.Generator`` seeded with ``recipe.seed``. It
    is never moved, cast or reconfigured, and a render leaves nothing on it. ``recipe.prompt`` is the prompt, unless the
    call arguments have one. ``recipe.changes`` replace call arguments by name; ``adapter:NAME`` is the scale of a
    loaded LoRA, ``ip_adapter_scale`` that of the IP-Adapters, both for that render only; ``noise`` is the initial noise
    (see :class:`continuity.NearbySeeds`). A change of an argument that is a picture is a path.

    Arguments that are PIL images, arrays, tensors, paths (``pathlib.Path``) or lists of them are *inputs*: the recipe
    has their digests, and :meth:`inputs` their bytes. They are copied here once and for every call, so that neither the
    caller nor the pipeline changes them in between. All other arguments are recorded as JSON.

    With a :class:`Watch` the preview is the clean picture that the denoiser expects at that step, decoded by
    ``preview_vae``, else by a linear map fitted to the pipeline's own VAE at the first preview (one pixel a latent). A
    pipeline without ``callback_on_step_end`` cannot be watched, and is rendered to its end.

    NaN, pictures that are black all over or that the safety checker refused, lack of memory and whatever the pipeline
    raises are failed candidates with a sentence; ``KeyboardInterrupt`` passes through.

    Args:
        pipe: a ``diffusers.DiffusionPipeline`` that takes a ``generator``.
        files: files that the pipe has read already, such as ``{"adapter:mara": "mara.safetensors"}``, to be kept and
            recorded like inputs.
        preview_vae: decodes previews: an ``AutoencoderTiny`` of the same latents, or ``pipe.vae`` itself.
        rate: frames a second of clips; left out, the pipeline's own ``frame_rate`` or ``fps`` argument, else 24.
        call_arguments: passed with every call.

    Raises:
        UsageError: not a pipeline, or an argument that its call does not take; the nearest name is in the message.
        MissingDependency: torch or diffusers is not installed.
    """

    def __init__(
        self,
        pipe: Any,
        *,
        files: Mapping[str, str | os.PathLike[str]] | None = None,
        rate: float | None = None,
        preview_vae: Any | None = None,
        **call_arguments: Any,
    ) -> None:
        if not isinstance(pipe, library.diffusers().DiffusionPipeline):
            got = type(pipe).__name__
            raise UsageError(f"a diffusers.DiffusionPipeline was wanted, got {got}: FunctionGenerator takes functions")
        self._pipe = pipe
        self._previews = Previews(preview_vae)
        self._preview = None if preview_vae is None else weights.digest_of(preview_vae)
        self._parameters = calls.parameters_of(pipe)
        if "generator" not in self._parameters:
            raise UsageError(f"{type(pipe).__name__} takes no generator: nobody could render a candidate again")
        calls.check_names(pipe, self._parameters, call_arguments)
        calls.check_values(call_arguments)
        media = {name: value for name, value in call_arguments.items() if media_arguments.is_media(value)}
        self._arguments = {name: value for name, value in call_arguments.items() if name not in media}
        self._media = {name: Kept(value) for name, value in media.items()}
        self._fixed: frozenset[str] = frozenset()  # roles that with_inputs gave: no change replaces them
        self._files = {role: media_arguments.encode(_path(path)) for role, path in (files or {}).items()}
        if both := set(self._files) & set(self._parameters):
            raise UsageError(f"a role of files was wanted that is no call argument, got {', '.join(sorted(both))}")
        self._rate = _checked_rate(rate, self._arguments, calls.defaults_of(self._parameters))
        self._said = False  # that batches are rendered one after another
        self._placed: tuple[object, Any] | None = None
        self._weighed: tuple[object, dict[str, dict[str, Json]]] | None = None

    @property
    def settings(self) -> Mapping[str, Json]:
        """What the distribution of renders depends on: pipeline, weights, scheduler, adapters, arguments, inputs."""
        components = self._components()
        described = recording.pipeline(self._pipe, {})
        digests: dict[str, Json] = {name: part["digest"] for name, part in components.items()}
        return {
            "pipeline": described["class"],
            "weights": hashlib.sha256(recording.text_of(digests).encode()).hexdigest(),
            "dtype": {name: part["dtype"] for name, part in components.items() if "dtype" in part},
            "scheduler": described["scheduler"],
            "adapters": described["adapters"],
            "arguments": calls.recorded(self._parameters, self._arguments),
            "inputs": {role: medium.digest for role, medium in self.inputs(Recipe()).items()},
            "rate": float(self._rate),
            **({"preview": self._preview} if self._preview else {}),
        }

    def inputs(self, recipe: Recipe) -> Mapping[str, InputMedium]:
        """What a render of this recipe reads, by role: the name of the call argument, or the role given in ``files``.

        Raises:
            UsageError: a path that the recipe changes to cannot be read.
        """
        kept = {**self._media, **self._changed_media(recipe)}
        return {**{role: one.medium for role, one in sorted(kept.items())}, **self._files}

    def with_inputs(self, inputs: Mapping[str, InputMedium]) -> Self:
        """The same generator on the same pipe, reading these instead of its own in the roles given.

        A role of ``files`` is in the pipe already, so only the same bytes can be given for it.

        Raises:
            UsageError: a role that the call does not have, or a medium that cannot be read.
        """
        other = copy.copy(self)
        other._media, other._files = dict(self._media), dict(self._files)
        for role, medium in inputs.items():
            if role in self._files:
                has, wanted = self._files[role].digest, medium.digest
                if has != wanted:
                    raise UsageError(
                        f"{role} with SHA-256 {wanted[:12]} was wanted, and the pipe has read {has[:12]}: load the "
                        "wanted file into the pipe, and name it in files"
                    )
                continue
            calls.check_names(self._pipe, self._parameters, [role], "input")
            other._media[role] = Kept(media_arguments.decode(medium), medium)
        other._fixed = self._fixed | frozenset(inputs)
        other._arguments = {name: value for name, value in self._arguments.items() if name not in other._media}
        return other

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        """Calls the pipeline once.

        Raises:
            RenderFailed: it raised, ran out of memory, or returned no picture; a change that the call does not take.
            Aborted: the watch said no; the cost has the steps that were run.
        """
        outcome = self._run([recipe], watch)[0]
        if isinstance(outcome, RenderFailed):
            raise outcome
        return outcome

    def render_batch(self, recipes: Sequence[Recipe]) -> Sequence[Rendered | RenderFailed]:
        """Calls the pipeline once for all, with a list of prompts and one torch generator each.

        Recipes that differ in more than prompt and seed, and calls that cannot be repeated by prompt (fixed latents or
        embeddings, no prompt at all), are rendered one after another; ``details["batch"]`` says which it was.
        """
        if len(recipes) > 1 and self._is_one_call(recipes):
            return self._run(recipes)
        if len(recipes) > 1 and not self._said:
            self._said = True
            log.warning("recipes that differ in more than prompt and seed are no single call: a batch saves nothing")
        return [self._run([recipe])[0] for recipe in recipes]

    def _run(self, recipes: Sequence[Recipe], watch: Watch | None = None) -> list[Rendered | RenderFailed]:
        """One call of the pipeline for recipes that differ in prompt and seed only."""
        pipe, count = self._pipe, len(recipes)
        components, device = self._components(), self._device()  # at first this reads all weights: no cost of a render
        attached = Attached(pipe, device, count, self._previews)
        done = list(recipes)
        try:
            call, media = self._call(recipes[0])
            given = dict(call.arguments) if count == 1 else calls.for_all([self._call(one)[0] for one in recipes])
            attached.plan(calls.steps_of(self._parameters, given))
            given |= {role: media_arguments.fresh(one.value) for role, one in media.items()}
            noises = turning.noises(pipe, self._parameters, given, recipes)
            with ExitStack() as stack:
                stack.enter_context(scaled(pipe, call.adapters, call.ip_adapter))
                done = [self._completed(one, components, device, k, count) for k, one in enumerate(recipes)]
                given["generator"] = seeded(stack, device, [noise.seeds[0] for noise in noises])
                stack.enter_context(turning.turned(pipe, given["generator"], noises))
                stack.enter_context(attached)
                if watch is not None and calls.CALLBACKS[0] in self._parameters:
                    given |= attached.watching(watch, given)
                result = pipe(**given)
            cost = attached.cost()
            items, refused = outcomes.items_of(result, count), outcomes.refused(result, count)
        except StoppedByWatch:
            cost = attached.cost()
            said = f"the render was stopped at step {cost.steps_run} of {cost.steps_planned}"
            raise Aborted(said, cost=cost, recipe=_scheduled(done[0], attached)) from None
        except Exception as cause:
            cost = attached.cost()
            said = f"{type(pipe).__name__} failed: {outcomes.sentence_of(cause, count)}"
            return [_failed(said, cost, _scheduled(one, attached), cause) for one in done]
        return [
            self._outcome(items[k], refused[k], attached.broken[k], cost, _scheduled(one, attached))
            for k, one in enumerate(done)
        ]

    def _outcome(self, item: Any, refused: bool, broken: bool, cost: Cost, recipe: Recipe) -> Rendered | RenderFailed:
        name = type(self._pipe).__name__
        if refused:
            return _failed(f"{name} failed: its safety checker refused the picture and made it black", cost, recipe)
        if broken:
            return _failed(f"{name} failed: {outcomes.BROKEN}", cost, recipe)
        try:
            return Rendered(media=outcomes.media_from(item, self._rate), cost=cost, recipe=recipe)
        except (UsageError, MediaError) as cause:
            return _failed(f"{name} failed: {cause}", cost, recipe, cause)

    def _call(self, recipe: Recipe) -> tuple[Call, Mapping[str, Kept]]:
        """What the pipeline is called with for a recipe: plain arguments, and inputs by role."""
        changed = self._changed_media(recipe)
        media = {**self._media, **changed}
        plain = {name: value for name, value in recipe.changes.items() if name not in media}
        call = calls.merged(self._pipe, self._parameters, self._arguments, plain)
        has_prompt = {"prompt", "prompt_embeds"} & ({*call.arguments} | {*media})
        if "prompt" in self._parameters and not has_prompt:
            call = replace(call, arguments={**call.arguments, "prompt": recipe.prompt})
        return call, media

    def _changed_media(self, recipe: Recipe) -> dict[str, Kept]:
        """The inputs that a recipe changes; what ``with_inputs`` gave stands, since a path may hold other bytes now."""
        changed: dict[str, Kept] = {}
        for role in self._media.keys() & recipe.changes.keys() - self._fixed:
            path = recipe.changes[role]
            if not isinstance(path, str) or not path:
                raise UsageError(f"{role} is an input: a change of it is a path, got {path!r}")
            changed[role] = Kept(_path(path))
        return changed

    def _is_one_call(self, recipes: Sequence[Recipe]) -> bool:
        try:
            made = [self._call(one)[0] for one in recipes]
            turning.noises(self._pipe, self._parameters, made[0].arguments, recipes)
            return calls.batchable(made, self._media)
        except UsageError:  # one of them fails: alone
            return False

    def _completed(
        self, recipe: Recipe, components: Mapping[str, Mapping[str, Json]], device: Any, index: int, count: int
    ) -> Recipe:
        call, media = self._call(recipe)
        details: dict[str, Json] = {
            "generator": type(self).__name__,
            "pipeline": recording.pipeline(self._pipe, components),
            "arguments": calls.recorded(self._parameters, call.arguments),
            "batch": {"size": count, "index": index},
            "rate": float(self._rate),
            "environment": recording.environment(Clock(device).device),
        }
        read = {**{role: one.medium for role, one in media.items()}, **self._files}
        inputs = {role: medium.digest for role, medium in sorted(read.items())}
        return replace(recipe, details={**recipe.details, **details}, inputs={**recipe.inputs, **inputs})

    def _components(self) -> dict[str, dict[str, Json]]:
        state = weights.state_of(self._pipe)
        if self._weighed is None or self._weighed[0] != state:
            self._weighed = (state, weights.components(self._pipe))
        return self._weighed[1]

    def _device(self) -> Any:
        """Where the pipeline computes; kept, since the pipeline walks through all its modules to say it."""
        parts = library.parts(self._pipe).values()
        lies = [next((p.device for p in part.parameters()), None) for part in parts if hasattr(part, "parameters")]
        state = ([id(part) for part in parts], lies, bool(getattr(self._pipe, "_all_hooks", None)))
        if self._placed is None or self._placed[0] != state:
            self._placed = (state, self._pipe._execution_device)
        return self._placed[1]

    def __repr__(self) -> str:
        return f"DiffusersGenerator({type(self._pipe).__name__})"


def _scheduled(recipe: Recipe, attached: Attached) -> Recipe:
    return replace(recipe, details={**recipe.details, "schedule": attached.schedule})


def _failed(said: str, cost: Cost, recipe: Recipe, cause: BaseException | None = None) -> RenderFailed:
    failed = RenderFailed(said, cost=cost, recipe=recipe)
    failed.__cause__ = cause
    return failed


def _path(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path)
    except TypeError as cause:
        raise UsageError(f"the path of an input was wanted, got {type(path).__name__}") from cause


def _checked_rate(rate: float | None, *sources: Mapping[str, Any]) -> Fraction | float:
    """The rate that was given, else what the call says, else its default, else 24."""
    found = [source[name] for source in sources for name in RATES if name in source]
    found = [one for one in found if isinstance(one, int | float) and not isinstance(one, bool)]
    wanted = rate if rate is not None else next(iter(found), 24.0)
    if isinstance(wanted, bool) or not isinstance(wanted, int | float | Fraction) or not 0 < wanted < 100_000:
        raise UsageError(f"rate is a number of frames a second above 0, got {wanted!r}")
    return wanted
