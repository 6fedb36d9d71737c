"""Fakes and contract suites for everyone who plugs something in. Needs pytest.

A contract is a class: subclass it, give it the fixture it names, and pytest runs what every implementation must pass.

    from continuity.testing import GeneratorContract

    class TestMine(GeneratorContract):
        @pytest.fixture
        def generator(self):
            return MyGenerator()
"""

from continuity.testing.contracts import (
    BackendsContract,
    GeneratorContract,
    MetricContract,
    ProposerContract,
    RepairContract,
    WatchContract,
)
from continuity.testing.fakes import FakeBackends, FakeMetric, FakeObserved, PatternGenerator

__all__ = [
    "BackendsContract",
    "FakeBackends",
    "FakeMetric",
    "FakeObserved",
    "GeneratorContract",
    "MetricContract",
    "PatternGenerator",
    "ProposerContract",
    "RepairContract",
    "WatchContract",
]
