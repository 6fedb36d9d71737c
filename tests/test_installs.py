from __future__ import annotations

import pytest

from continuity import installs
from continuity.errors import ConflictingInstall, MissingDependency


def test_two_packages_of_one_folder_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installs, "_installed", lambda name: True)
    with pytest.raises(ConflictingInstall, match="onnxruntime-gpu"):
        installs.check_installs()


@pytest.mark.parametrize(
    ("distribution", "purpose", "said"),
    [
        ("no-such-package", "", r"the package no-such-package was wanted and .*: pip install no-such-package$"),
        ("'gate[x]'", "pictures", r"the package nothing was wanted for pictures and .*: pip install 'gate\[x\]'$"),
    ],
)
def test_what_is_missing_comes_with_its_pip_line(distribution: str, purpose: str, said: str) -> None:
    with pytest.raises(MissingDependency, match=said):
        installs.require("nothing.here", distribution, purpose)
