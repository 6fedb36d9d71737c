"""The nodes as ComfyUI has them: a folder imported by its path, torch tensors, a real server in another process."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shlex
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.cli import main

torch = pytest.importorskip("torch")
HERE = Path(ct.__file__).parent
ALLOWED = {"numpy", "torch", "comfy_execution"} | set(sys.stdlib_module_names)


@pytest.mark.parametrize("file", sorted((HERE / "comfyui").glob("*.py")), ids=lambda file: file.name)
def test_nothing_is_imported_that_comfyui_lacks(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= ALLOWED
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert str(node.module).split(".")[0] in ALLOWED
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1, "nothing above the folder that is copied"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The folder that `continuity comfyui` copies, loaded by path, with an interpreter that finds this package."""
    custom_nodes = tmp_path_factory.mktemp("custom_nodes")
    assert main(["comfyui", str(custom_nodes)]) == 0
    folder = custom_nodes / "continuity-gate"
    assert (folder / "interpreter.txt").read_text().strip() == sys.executable
    python = custom_nodes / "python"
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(HERE.parent))} exec {shlex.quote(sys.executable)} "$@"\n'
    )
    python.chmod(0o755)
    (folder / "interpreter.txt").write_text(f"{python}\n")
    name = os.fspath(folder).replace(".", "_x_")  # as ComfyUI names it
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[os.fspath(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    sys.modules[f"{name}.client"].forget()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONTINUITY_PYTHON", "CONTINUITY_SOCKET"):
        monkeypatch.delenv(name, raising=False)


def client_of(installed: ModuleType) -> Any:
    return sys.modules[f"{installed.__name__}.client"]


def node(installed: ModuleType, name: str) -> Any:
    """A node with all its widgets at their defaults, called as ComfyUI calls it: by name."""
    kind = installed.NODE_CLASS_MAPPINGS[name]
    widgets = {
        key: given[1].get("default", given[0][0] if isinstance(given[0], list) else None)
        for part in kind.INPUT_TYPES().values()
        for key, given in part.items()
        if given[0] != "IMAGE"
    }

    def call(**inputs: object) -> Any:
        assert set(inputs) <= {key for part in kind.INPUT_TYPES().values() for key in part}
        return getattr(kind(), kind.FUNCTION)(**{**widgets, **inputs})

    return call


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, backends: ct.LocalBackends) -> Path:
    """A grade, enrolled; what the simulator breaks of it is known."""
    folder = tmp_path_factory.mktemp("identity")
    Pil.fromarray(astronaut).save(folder / "reference.png")
    return ct.enrol(folder / "id", grade=[folder / "reference.png"], backends=backends).folder


@pytest.fixture(scope="module")
def batch(identity: Path) -> Any:
    """Four renders of the simulator: which of them pass is known to the gate of this process."""
    simulator = ct.Simulator([identity.parent / "reference.png"], acceptable=0.5, aspects=["grade"], size=256)
    gate = ct.Gate.for_identity(ct.Identity.open(identity))
    wanted: dict[ct.Verdict, list[np.ndarray]] = {ct.Verdict.PASS: [], ct.Verdict.FAIL: []}
    for seed in range(40):
        media = simulator.render(ct.Recipe(prompt="", seed=seed)).media
        mine = wanted.setdefault(gate.inspect(media).verdict, [])
        if len(mine) < 2:
            mine.append(media.pixels)
    passing, failing = wanted[ct.Verdict.PASS], wanted[ct.Verdict.FAIL]
    assert len(passing) == len(failing) == 2
    pixels = np.stack([passing[0], failing[0], failing[1], passing[1]])
    return torch.from_numpy((pixels.astype(np.float32) + 0.5) / 256)  # 255 * x falls on the same levels


def test_a_batch_is_parted(installed: ModuleType, identity: Path, batch: Any) -> None:
    gate = node(installed, "ContinuityGate")
    accepted, rejected, report, yes, no = gate(images=batch, identity=str(identity))
    assert (yes, no) == (2, 2)
    assert torch.equal(accepted, batch[[0, 3]])
    assert torch.equal(rejected, batch[[1, 2]])
    lines = report.splitlines()
    assert lines[0] == "2 of 4 accepted"
    assert [line.split(":")[0] for line in lines[1:5]] == ["#1 pass", "#2 fail", "#3 fail", "#4 pass"]
    assert "grade" in lines[2]
    assert "limit" in lines[2]
    assert any(line.startswith("not checked: ") for line in lines)
    kinds = installed.NODE_CLASS_MAPPINGS["ContinuityGate"].RETURN_TYPES
    assert [type(one).__name__ for one in (accepted, rejected, report, yes, no)] == [
        {"IMAGE": "Tensor", "STRING": "str", "INT": "int"}[kind] for kind in kinds
    ]


def test_the_server_stays_warm(installed: ModuleType, identity: Path, batch: Any) -> None:
    gate, client = node(installed, "ContinuityGate"), client_of(installed)
    gate(images=batch[:1], identity=str(identity))
    pid = client.server().ask({"do": "info"})["pid"]
    gate(images=batch[:1], identity=str(identity))
    assert client.server().ask({"do": "info"})["pid"] == pid


def test_an_empty_output_is_an_empty_batch_outside_comfyui(installed: ModuleType, identity: Path, batch: Any) -> None:
    gate = node(installed, "ContinuityGate")
    accepted, rejected, _, yes, no = gate(images=batch[1:3], identity=str(identity))
    assert (tuple(accepted.shape), yes, no) == ((0, 256, 256, 3), 0, 2)
    assert len(rejected) == 2
    accepted, rejected, report, yes, no = gate(images=batch[:0], identity=str(identity))
    assert (len(accepted), len(rejected), report, yes, no) == (0, 0, "no picture came in", 0, 0)


def test_an_empty_output_blocks_its_own_nodes_alone_inside_comfyui(
    installed: ModuleType, identity: Path, batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ExecutionBlocker:
        def __init__(self, message: str | None) -> None:
            self.message = message

    graph_utils = types.ModuleType("comfy_execution.graph_utils")
    graph_utils.ExecutionBlocker = ExecutionBlocker  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "comfy_execution", types.ModuleType("comfy_execution"))
    monkeypatch.setitem(sys.modules, "comfy_execution.graph_utils", graph_utils)
    accepted, rejected, report, yes, no = node(installed, "ContinuityGate")(images=batch[1:3], identity=str(identity))
    assert isinstance(accepted, ExecutionBlocker)
    assert accepted.message is None, "with a message ComfyUI would show it as an error"
    assert (len(rejected), yes, no) == (2, 0, 2)
    assert report.startswith("0 of 2 accepted")


def test_what_nobody_can_judge_is_rejected_and_needs_eyes(installed: ModuleType, identity: Path, batch: Any) -> None:
    broken = batch.clone()
    broken[0, 5, 5, 0] = float("nan")
    accepted, rejected, report, yes, no = node(installed, "ContinuityGate")(images=broken, identity=str(identity))
    assert (yes, no, len(accepted), len(rejected)) == (1, 3, 1, 3)
    assert "#1 needs eyes: it has values that are no numbers" in report


def test_limits_and_expectations_are_lines(installed: ModuleType, identity: Path, batch: Any) -> None:
    gate = node(installed, "ContinuityGate")
    assert gate(images=batch, identity=str(identity), limits="\ngrade = 1e6\n")[3] == 4
    for limits, said in (
        ("grade", "KEY = VALUE"),
        ("grade = x", "a number"),
        ("grdae = 1", "grdae"),
        ("grade=nan", "NaN"),
    ):
        with pytest.raises(RuntimeError, match=said):
            gate(images=batch, identity=str(identity), limits=limits)


def test_frames_of_a_clip_stay_together(installed: ModuleType, identity: Path, batch: Any) -> None:
    gate = node(installed, "ContinuityGate")
    accepted, rejected, report, yes, no = gate(images=batch, identity=str(identity), batch="one clip")
    assert (len(accepted), len(rejected), yes, no) == (0, 4, 0, 4)
    assert "#1 to 4 fail: grade" in report
    assert gate(images=batch[[0, 0, 0]], identity=str(identity), batch="one clip")[3] == 3


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_are_measured_as_colour_and_kept(
    channels: int, installed: ModuleType, identity: Path, batch: Any
) -> None:
    given = torch.cat([batch, torch.zeros_like(batch)], dim=-1)[:2, ..., :channels]
    accepted, rejected, _, yes, no = node(installed, "ContinuityGate")(images=given, identity=str(identity))
    assert (yes, no) == ((1, 1) if channels == 4 else (0, 2)), "grey pictures have another grade"
    assert {accepted.shape[-1], rejected.shape[-1]} == {channels}


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"identity": "/nowhere"}, "continuity enrol"),
        ({"identity": ""}, "an identity folder"),
        ({"identity": "/x", "python": "/no/python"}, "cannot be started"),
        ({"identity": "/x", "python": "/bin/false"}, "is continuity-gate installed there"),
    ],
)
def test_a_gate_that_cannot_judge_anything_raises_a_sentence(
    inputs: dict[str, str], said: str, installed: ModuleType, batch: Any
) -> None:
    with pytest.raises(RuntimeError, match=said):
        node(installed, "ContinuityGate")(images=batch, **inputs)


def test_what_is_no_server_is_told_apart(installed: ModuleType, identity: Path, batch: Any, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\nread line\necho hello\n")
    other.chmod(0o755)
    with pytest.raises(RuntimeError, match="something else answered"):
        node(installed, "ContinuityGate")(images=batch, identity=str(identity), python=str(other))


def test_a_server_that_died_is_started_again(installed: ModuleType, identity: Path, batch: Any) -> None:
    gate, client = node(installed, "ContinuityGate"), client_of(installed)
    gate(images=batch[:1], identity=str(identity))
    server = client.server()
    server._child.kill()
    server._child.wait()
    assert gate(images=batch[:1], identity=str(identity))[3] == 1


def test_changes_when_the_identity_does(installed: ModuleType, tmp_path: Path) -> None:
    changed = installed.NODE_CLASS_MAPPINGS["ContinuityGate"].IS_CHANGED
    (tmp_path / "identity.toml").write_text("format = 1\n")
    (tmp_path / "limits.toml").write_text("a = 1\n")
    first = changed(images=None, identity=str(tmp_path), tolerances=str(tmp_path / "limits.toml"), limits="")
    assert first == changed(images=None, identity=str(tmp_path), tolerances=str(tmp_path / "limits.toml"), limits="")
    (tmp_path / "limits.toml").write_text("a = 2\n")
    second = changed(images=None, identity=str(tmp_path), tolerances=str(tmp_path / "limits.toml"))
    (tmp_path / "identity.toml").write_text("format = 2\n")
    third = changed(images=None, identity=str(tmp_path), tolerances=str(tmp_path / "limits.toml"))
    assert len({first, second, third}) == 3
    unknown = changed(images=None, identity=None)  # linked: not known yet
    assert unknown != unknown
    ledger = installed.NODE_CLASS_MAPPINGS["ContinuityLedger"].IS_CHANGED(ledger="show.db")
    assert ledger != ledger


def test_what_a_show_cost(installed: ModuleType, tmp_path: Path, bright_gate: ct.Gate, flat: Any) -> None:
    path = tmp_path / "show.db"
    levels = iter([200, 180, 20])
    with ct.Ledger.open(path) as ledger:
        shot = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
        shot.run(ct.FunctionGenerator(lambda seed: flat(next(levels)).pixels), budget=ct.Budget(candidates=5))
    call = node(installed, "ContinuityLedger")
    ratio, candidates, shots, kept, seconds, cost, bill = call(ledger=str(path))
    assert (ratio, candidates, shots, kept, cost) == (3.0, 3, 1, 1, 0.0)
    assert seconds > 0
    assert bill.startswith("3 candidates of 1 shot, 1 kept\ngeneration ratio 3.0")
    assert call(ledger=str(path), rates="cpu = 2.0")[5] > 0
    with pytest.raises(RuntimeError, match="sc010"):
        call(ledger=str(path), shot="sc011")
    with pytest.raises(RuntimeError, match="nowhere"):
        call(ledger="/nowhere.db")


def test_nothing_kept_has_no_finite_ratio(
    installed: ModuleType, tmp_path: Path, bright_gate: ct.Gate, flat: Any
) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
        shot.run(ct.FunctionGenerator(lambda seed: flat(200).pixels), budget=ct.Budget(candidates=2))
    assert node(installed, "ContinuityLedger")(ledger=str(tmp_path / "show.db"))[0] == float("inf")


def test_a_server_on_a_socket_is_used(
    installed: ModuleType, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket
    import threading

    place = tmp_path_factory.mktemp("s") / "s"
    monkeypatch.setenv("CONTINUITY_SOCKET", str(place))
    with pytest.raises(RuntimeError, match="nobody answers"):
        client_of(installed).server()
    from continuity.serving import Service, converse

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(place))
        listening.listen()

        def answer() -> None:
            own, _ = listening.accept()
            with own, own.makefile("rb") as reader, own.makefile("wb") as writer:
                converse(Service(), reader, writer)

        threading.Thread(target=answer, daemon=True).start()
        assert client_of(installed).server().ask({"do": "info"})["pid"] == os.getpid()
        client_of(installed).forget()


def test_a_server_started_here_does_not_listen_where_another_does(
    installed: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTINUITY_SOCKET", str(tmp_path / "s"))
    typed = (Path(installed.__path__[0]) / "interpreter.txt").read_text().strip()
    server = client_of(installed).server(typed)
    assert [server.ask({"do": "info"})["pid"] for _ in range(2)] == [server._child.pid] * 2
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"format": 1, "socket": "/tmp/s", "pid": 1}', "the answer to request 1"),
        ('{"format": 1, "id": 7, "exit_code": 0}', "the answer to request 1"),
        ('{"format": 2, "id": 1, "exit_code": 0}', "format 1 was wanted"),
        ("[]", "something else answered"),
    ],
)
def test_an_answer_to_something_else_is_none(line: str, said: str, installed: ModuleType, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text(f"#!/bin/sh\nread line\necho '{line}'\nread line\n")
    other.chmod(0o755)
    server = client_of(installed).server(str(other))
    with pytest.raises(RuntimeError, match=said):
        server.ask({"do": "info"})
    assert not server.alive(), "the next request starts another one"


def test_a_refusal_without_id_is_an_answer(installed: ModuleType, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text('#!/bin/sh\necho \'{"format": 1, "id": null, "error": "too long", "exit_code": 2}\'\nread line\n')
    other.chmod(0o755)
    with pytest.raises(RuntimeError, match="too long"):
        client_of(installed).server(str(other)).ask({"do": "info"})


def test_mappings_are_what_comfyui_reads(installed: ModuleType) -> None:
    assert set(installed.NODE_CLASS_MAPPINGS) == set(installed.NODE_DISPLAY_NAME_MAPPINGS)
    for kind in installed.NODE_CLASS_MAPPINGS.values():
        assert len(kind.RETURN_TYPES) == len(kind.RETURN_NAMES)
        assert callable(getattr(kind, kind.FUNCTION))
        assert kind.CATEGORY == "continuity"
        json.dumps(kind.INPUT_TYPES())
