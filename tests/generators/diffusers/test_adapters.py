from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

import continuity as ct
from continuity.errors import Aborted, RenderFailed
from continuity.records import Json, Recipe


def rendered(pipe: Any, changes: dict[str, Json] | None = None, **arguments: Any) -> tuple[np.ndarray, Any]:
    made = ct.DiffusersGenerator(pipe, num_inference_steps=2, **arguments).render(Recipe(seed=3, changes=changes or {}))
    return made.media.pixels, made.recipe.details["pipeline"]["adapters"]


@pytest.fixture
def with_lora(sd: Any) -> Any:
    """Two LoRAs with random weights in the denoiser, one of them in use."""
    from peft import LoraConfig

    torch.manual_seed(0)
    for name in ("mara", "film"):
        config = LoraConfig(r=4, lora_alpha=8, init_lora_weights="gaussian", target_modules=["to_k", "to_q"])
        sd.unet.add_adapter(config, name)
    for name, weight in sd.unet.named_parameters():
        if "lora_B" in name:
            weight.data.normal_()
    sd.set_adapters(["mara"], [0.5])
    return sd


def state(pipe: Any) -> list[Any]:
    layers = [m for m in pipe.unet.modules() if hasattr(m, "lora_alpha")]
    trained = [p.requires_grad for p in pipe.unet.parameters()]
    return [(dict(m.scaling), list(m.active_adapters), m.disable_adapters) for m in layers] + trained


def test_the_scale_of_a_lora_is_changed_for_one_render_and_recorded(with_lora: Any) -> None:
    before = state(with_lora)
    plain, recorded = rendered(with_lora)
    assert recorded == {"lora": {"film": 1.0, "mara": 0.5}, "active": ["mara"]}
    strong, said = rendered(with_lora, {"adapter:mara": 2.0})
    assert said == {"lora": {"film": 1.0, "mara": 2.0}, "active": ["mara"]}
    both, said = rendered(with_lora, {"adapter:film": 0.75})
    assert said == {"lora": {"film": 0.75, "mara": 0.5}, "active": ["film", "mara"]}
    assert state(with_lora) == before
    again, _ = rendered(with_lora)
    assert np.array_equal(plain, again)
    with_lora.set_adapters(["mara"], [2.0])
    by_hand, _ = rendered(with_lora)
    assert np.array_equal(strong, by_hand)
    assert not np.array_equal(strong, plain)
    assert not np.array_equal(both, plain)


def test_scales_are_put_back_after_a_failure_and_an_abort(with_lora: Any) -> None:
    class No:
        settings: Mapping[str, Json] = {}

        def look(self, step: int, steps: int, preview: Any) -> bool:
            return False

    before = state(with_lora)
    made = ct.DiffusersGenerator(with_lora, num_inference_steps=2)
    with pytest.raises(Aborted):
        made.render(Recipe(changes={"adapter:mara": 2.0}), No())
    with pytest.raises(RenderFailed):
        made.render(Recipe(changes={"adapter:mara": 2.0, "guidance_scale": "x"}))
    for changes in ({"adapter:mary": 1.0}, {"adapter:mara": "much"}, {"adapter:mara": True}):
        with pytest.raises(RenderFailed, match=r"'mara'|is a number"):
            made.render(Recipe(changes=changes))
    assert state(with_lora) == before
    with_lora.disable_lora()
    with pytest.raises(RenderFailed, match="enable_lora"):
        made.render(Recipe(changes={"adapter:mara": 1.0}))


def test_an_adapter_moves_settings_and_weights(with_lora: Any) -> None:
    made = ct.DiffusersGenerator(with_lora)
    before = dict(made.settings)
    with_lora.set_adapters(["mara"], [0.75])
    assert made.settings["weights"] == before["weights"]
    assert made.settings["adapters"] != before["adapters"]
    with_lora.delete_adapters("film")
    assert made.settings["weights"] != before["weights"]


def test_the_scale_of_an_ip_adapter_is_changed_for_one_render(sd: Any) -> None:
    torch.manual_seed(1)
    crossing = [p for name, p in sd.unet.attn_processors.items() if name.endswith("attn2.processor")]
    widths = [
        sd.unet.get_submodule(name.removesuffix(".processor")).to_q.out_features
        for name in sd.unet.attn_processors
        if name.endswith("attn2.processor")
    ]
    keys = {f"{2 * k + 1}.to_{one}_ip.weight": torch.randn(w, 16) for k, w in enumerate(widths) for one in "kv"}
    projection = {
        "proj.weight": torch.randn(4 * 16, 8),
        "proj.bias": torch.zeros(64),
        "norm.weight": torch.ones(16),
        "norm.bias": torch.zeros(16),
    }
    assert len(crossing) == len(widths) > 0
    sd.unet._load_ip_adapter_weights([{"image_proj": projection, "ip_adapter": keys}], low_cpu_mem_usage=False)
    sd.unet.eval()
    sd.set_ip_adapter_scale(0.6)
    embeds = [torch.stack([torch.zeros(1, 8), torch.randn(1, 8)])]
    plain, said = rendered(sd, ip_adapter_image_embeds=embeds)
    assert said == {"ip_adapter": [0.6]}
    none, said = rendered(sd, {"ip_adapter_scale": 0.0}, ip_adapter_image_embeds=embeds)
    assert said == {"ip_adapter": [0.0]}
    again, said = rendered(sd, ip_adapter_image_embeds=embeds)
    assert said == {"ip_adapter": [0.6]}
    assert np.array_equal(plain, again)
    assert not np.array_equal(plain, none)
