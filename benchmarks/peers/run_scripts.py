"""What a studio writes by itself: DeepFace for the face, MediaPipe for hands, scikit-image for colour."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
from deepface import DeepFace
from protocol import serve
from run_deepface import Deep
from scipy.stats import wasserstein_distance
from skimage.color import rgb2lab

SIDE = 256  # px of the picture whose colours are compared
HANDS = "HAND_LANDMARKER"  # environment variable with MediaPipe's model file


class Scripts(Deep):
    """The face as in ``run_deepface.py``; hands and colour as the libraries' own examples show them."""

    def __init__(self) -> None:
        super().__init__()
        options = mp.tasks.vision.HandLandmarkerOptions(
            base_options=mp.tasks.BaseOptions(model_asset_path=os.environ[HANDS]), num_hands=4
        )
        self.hands = mp.tasks.vision.HandLandmarker.create_from_options(options)

    def about(self) -> dict[str, str]:
        versions = {name: importlib.metadata.version(name) for name in ("mediapipe", "scikit-image")}
        said = ", ".join(f"{name} {version}" for name, version in versions.items())
        return {**super().about(), "note": f"with {said}"}

    def checks(self, reference: str) -> dict[str, Callable[[Any], object]]:
        known = self.load(reference)
        colours = lab(known)
        # OpenCV's detector is DeepFace's default and the quickest that needs no download; dlib's is the better one.
        ways = {name: {"model_name": "Dlib", "detector_backend": name} for name in ("opencv", "dlib")}
        verified = {f"verify() with {name}": partial(self.verified, known, how) for name, how in ways.items()}
        kept = {f"represent() with {name}": partial(self.represented, how) for name, how in ways.items()}
        return {
            f"face by {name}, hands, colour": partial(self.all_three, face, colours)
            for name, face in (verified | kept).items()
        }

    def verified(self, known: Any, how: dict[str, str], picture: Any) -> object:
        """As documented: both pictures, every time."""
        return DeepFace.verify(known, picture, enforce_detection=False, **how)

    def represented(self, how: dict[str, str], picture: Any) -> object:
        """With the reference embedded once and for all."""
        return DeepFace.represent(picture, enforce_detection=False, **how)

    def all_three(self, face: Callable[[Any], object], colours: Any, picture: Any) -> object:
        found = face(picture)
        rgb = np.ascontiguousarray(picture[:, :, ::-1])
        points = self.hands.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)).hand_landmarks
        return found, points, [wasserstein_distance(a, b) for a, b in zip(lab(picture), colours, strict=True)]


def lab(picture: Any) -> Any:
    """The three channels of a BGR picture in CIELAB."""
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return rgb2lab(small[:, :, ::-1]).reshape(-1, 3).T


def made(given: argparse.Namespace) -> Scripts:
    return Scripts()


if __name__ == "__main__":
    serve(made)
