from __future__ import annotations

import pytest

from continuity.generators.diffusers.weights import components
from continuity.testing.pipelines import TINY, tiny_pipeline


@pytest.mark.parametrize("name", TINY)
def test_the_same_name_gives_the_same_weights(name: str) -> None:
    import torch

    state = torch.random.get_rng_state()
    pipe = tiny_pipeline(name)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert components(pipe) == components(tiny_pipeline(name))
    assert components(pipe) != components(tiny_pipeline(name, seed=1))
    models = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    assert not any(module.training for part in models for module in part.modules())
    assert sum(p.numel() for part in models for p in part.parameters()) < 500_000


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        tiny_pipeline("sd4")
