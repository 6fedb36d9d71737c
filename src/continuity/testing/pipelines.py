"""Tiny diffusers pipelines with random weights, built here and now: no download, a fraction of a second a render.

What they render is noise; how they render it (text encoder, scheduler, denoiser, VAE, callbacks, batches) is the
library's own code, as with real weights. Needs the extra ``diffusers``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from continuity.generators.diffusers import library
from continuity.installs import require

__all__ = ["TINY", "tiny_pipeline"]

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,.- "
SEED = 20

_SCHEDULE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def tiny_pipeline(name: str, *, seed: int = SEED) -> Any:
    """A pipeline of :data:`TINY`, on the CPU in float32, in evaluation mode, its progress bar as diffusers has it.

    The same name and seed give the same weights; torch's global random state is left as it was.

    Raises:
        MissingDependency: torch, diffusers or transformers is not installed.
        KeyError: no such name.
    """
    build = TINY[name]
    torch = library.torch()
    library.diffusers()
    _library("transformers")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe = build()
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):  # built from a configuration a model is in training mode: dropout
            part.eval()
            part.requires_grad_(False)
    return pipe


def _sd() -> Any:
    diffusers = _library("diffusers")
    return diffusers.StableDiffusionPipeline(
        unet=_unet(cross_attention_dim=16),
        scheduler=diffusers.DDIMScheduler(**_SCHEDULE, clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        vae=_vae(),
        text_encoder=_clip(),
        tokenizer=_clip_tokenizer(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sd_img2img() -> Any:
    diffusers = _library("diffusers")
    return diffusers.StableDiffusionImg2ImgPipeline(**_sd().components, requires_safety_checker=False)


def _sd_inpaint() -> Any:
    diffusers = _library("diffusers")
    return diffusers.StableDiffusionInpaintPipeline(**_sd().components, requires_safety_checker=False)


def _sdxl() -> Any:
    diffusers = _library("diffusers")
    unet = _unet(
        cross_attention_dim=32,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
        use_linear_projection=True,
    )
    return diffusers.StableDiffusionXLPipeline(
        unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(**_SCHEDULE, steps_offset=1),
        vae=_vae(),
        text_encoder=_clip(),
        text_encoder_2=_clip(projected=True),
        tokenizer=_clip_tokenizer(),
        tokenizer_2=_clip_tokenizer(),
        add_watermarker=False,
    )


def _sd3() -> Any:
    diffusers = _library("diffusers")
    return diffusers.StableDiffusion3Pipeline(
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=8,
            patch_size=1,
            in_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            out_channels=4,
            pos_embed_max_size=96,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_vae(latent_channels=4, shift_factor=0.0609, scaling_factor=1.5035),
        text_encoder=_clip(projected=True),
        text_encoder_2=_clip(projected=True),
        text_encoder_3=_t5(),
        tokenizer=_clip_tokenizer(),
        tokenizer_2=_clip_tokenizer(),
        tokenizer_3=_t5_tokenizer(),
    )


def _flux() -> Any:
    diffusers = _library("diffusers")
    return diffusers.FluxPipeline(
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=16,
            axes_dims_rope=(4, 4, 8),
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0),
        vae=_vae(latent_channels=4, shift_factor=0.1159, scaling_factor=0.3611),
        text_encoder=_clip(),
        text_encoder_2=_t5(),
        tokenizer=_clip_tokenizer(),
        tokenizer_2=_t5_tokenizer(),
    )


def _animatediff() -> Any:
    diffusers = _library("diffusers")
    return diffusers.AnimateDiffPipeline(
        unet=_unet(cross_attention_dim=16),
        motion_adapter=diffusers.MotionAdapter(
            block_out_channels=(8, 16),
            motion_layers_per_block=1,
            motion_norm_num_groups=4,
            motion_num_attention_heads=2,
            motion_mid_block_layers_per_block=1,
        ),
        scheduler=diffusers.DDIMScheduler(**_SCHEDULE, clip_sample=False, steps_offset=1),
        vae=_vae(),
        text_encoder=_clip(),
        tokenizer=_clip_tokenizer(),
    )


def _wan() -> Any:
    diffusers = _library("diffusers")
    return diffusers.WanPipeline(
        transformer=diffusers.WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=16,
            out_channels=16,
            text_dim=32,
            freq_dim=32,
            ffn_dim=32,
            num_layers=1,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            rope_max_seq_len=32,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        vae=diffusers.AutoencoderKLWan(
            base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
        ),
        text_encoder=_t5(),
        tokenizer=_t5_tokenizer(),
    )


TINY: dict[str, Callable[[], Any]] = {
    "animatediff": _animatediff,
    "flux": _flux,
    "sd": _sd,
    "sd3": _sd3,
    "sd_img2img": _sd_img2img,
    "sd_inpaint": _sd_inpaint,
    "sdxl": _sdxl,
    "wan": _wan,
}


def _library(name: str) -> Any:
    return require(name, library.EXTRA)


def _unet(**more: Any) -> Any:
    diffusers = _library("diffusers")
    return diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **more,
    )


def _vae(**more: Any) -> Any:
    diffusers = _library("diffusers")
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        sample_size=64,
        **{"latent_channels": 4, **more},
    )


def _clip(*, projected: bool = False) -> Any:
    transformers = _library("transformers")
    vocabulary = _clip_vocabulary()
    end = vocabulary["<|endoftext|>"]
    made = transformers.CLIPTextModelWithProjection if projected else transformers.CLIPTextModel
    return made(
        transformers.CLIPTextConfig(
            vocab_size=len(vocabulary),
            hidden_size=16,
            projection_dim=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            bos_token_id=vocabulary["<|startoftext|>"],
            eos_token_id=end,
            pad_token_id=end,
        )
    )


def _clip_vocabulary() -> dict[str, int]:
    pieces = [c for c in LETTERS if c != " "] + [c + "</w>" for c in LETTERS if c != " "]
    return {piece: k for k, piece in enumerate([*pieces, "th", "<|startoftext|>", "<|endoftext|>"])}


def _clip_tokenizer() -> Any:
    transformers = _library("transformers")
    return transformers.CLIPTokenizer(vocab=_clip_vocabulary(), merges=[("t", "h")], model_max_length=77)


def _t5() -> Any:
    transformers = _library("transformers")
    return transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=len(LETTERS) + 3, d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4, dropout_rate=0.1
        )
    )


def _t5_tokenizer() -> Any:
    transformers = _library("transformers")
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [("▁" if c == " " else c, -float(k)) for k, c in enumerate(LETTERS)]
    return transformers.T5Tokenizer(vocab=pieces, extra_ids=0)
