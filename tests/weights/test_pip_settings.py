from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import pytest

from continuity.errors import UsageError
from continuity.weights.pip_settings import PipSettings, configuration_files, default_index, read_pip_settings


def read(tmp_path: Path, *texts: str, **environ: str) -> PipSettings:
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"{number}.conf")
        paths[-1].write_text(text)
    return read_pip_settings(environ, paths)


def test_the_default_index_is_the_one_pip_knows(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.indexes == (default_index(),) and found.indexes[0].startswith("https://")
    assert (found.links, found.cert, found.proxy) == ((), None, None)


def test_without_pip_and_without_settings_there_is_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip._internal.models.index", None)
    assert default_index() == ""
    assert read(tmp_path).indexes == ()
    assert read(tmp_path, PIP_INDEX_URL="https://mirror.invalid/simple").indexes == ("https://mirror.invalid/simple",)
    assert read(tmp_path, PIP_EXTRA_INDEX_URL="https://b.invalid").indexes == ("https://b.invalid",)


def test_variables_beat_files_and_later_files_beat_earlier_ones(tmp_path: Path) -> None:
    machine = "[global]\nindex-url = https://machine.invalid/simple/\ntrusted-host = Machine.invalid\n"
    user = "[global]\nindex_url = https://user.invalid/simple\nfind-links =\n    /a\n    /b\n"
    found = read(tmp_path, machine, user)
    assert found.indexes == ("https://user.invalid/simple",)
    assert found.links == ("/a", "/b")
    assert found.trusted == {"machine.invalid"}
    found = read(tmp_path, machine, user, PIP_INDEX_URL="https://env.invalid/simple", PIP_FIND_LINKS="/c")
    assert (found.indexes, found.links) == (("https://env.invalid/simple",), ("/c",))
    assert read(tmp_path, user, PIP_INDEX_URL="").indexes == ("https://user.invalid/simple",), (
        "empty is unset, as in pip"
    )


def test_the_install_section_beats_the_global_one_and_others_are_not_read(tmp_path: Path) -> None:
    text = (
        "[install]\nindex-url = https://i.invalid\n[global]\nindex-url = https://g.invalid\n"
        "[list]\nindex-url = https://l.invalid\n"
    )
    assert read(tmp_path, text).indexes == ("https://i.invalid",)


def test_extra_indexes_come_after_and_no_index_takes_all_away(tmp_path: Path) -> None:
    environ = {
        "PIP_INDEX_URL": "https://a.invalid/",
        "PIP_EXTRA_INDEX_URL": "https://b.invalid  file:///c https://a.invalid",
    }
    assert read(tmp_path, **environ).indexes == ("https://a.invalid", "https://b.invalid", "file:///c")
    assert read(tmp_path, **environ, PIP_NO_INDEX="1", PIP_FIND_LINKS="/d").indexes == ()
    assert read(tmp_path, **environ, PIP_NO_INDEX="false").indexes != ()


def test_logins_leave_the_addresses_and_never_show(tmp_path: Path) -> None:
    found = read(
        tmp_path, PIP_INDEX_URL="https://me:s%40cret@Mirror.invalid:8443/simple", PIP_PROXY="u:hidden@proxy:3128"
    )
    assert found.indexes == ("https://Mirror.invalid:8443/simple",)
    assert found.logins == {"mirror.invalid:8443": ("me", "s@cret")}
    assert found.proxy == "http://u:hidden@proxy:3128"
    assert "cret" not in repr(found) and "hidden" not in repr(found)


def test_the_certificate_is_a_path(tmp_path: Path) -> None:
    assert read(tmp_path, "[global]\ncert = ~/studio.pem\n").cert == Path.home() / "studio.pem"


@pytest.mark.parametrize(
    "text", ["index-url = x", "[global\nindex-url = x", "[global]\n\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "pip.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=r"pip\.conf cannot be read"):
        read_pip_settings({}, [path])


def test_an_address_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no address"):
        read(tmp_path, PIP_INDEX_URL="https://[half/simple")


def test_missing_files_are_fine_and_dev_null_turns_all_off(tmp_path: Path) -> None:
    assert read_pip_settings({"PIP_INDEX_URL": "https://a.invalid"}, [tmp_path / "none.conf"]).indexes
    assert configuration_files({"PIP_CONFIG_FILE": os.devnull}) == []


def test_pips_own_files_are_looked_at_in_pips_order(tmp_path: Path) -> None:
    own = tmp_path / "own.conf"
    files = configuration_files({"PIP_CONFIG_FILE": str(own)})
    assert files[-1] == own and Path("/etc/pip.conf") in files and Path(sys.prefix) / "pip.conf" in files
    assert Path.home() / ".pip" / "pip.conf" in files
    own.write_text("")
    assert Path.home() / ".pip" / "pip.conf" not in configuration_files({"PIP_CONFIG_FILE": str(own)})


def test_pip_itself_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files and variables, read by pip."""
    configuration = import_module("pip._internal.configuration")
    user = Path.home() / ".config" / "pip" / "pip.conf"
    user.parent.mkdir(parents=True)
    user.write_text("[global]\nindex-url = https://user.invalid/simple\ncert = /user.pem\nproxy = http://p.invalid:1\n")
    monkeypatch.delenv("PIP_CONFIG_FILE")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("PIP_CERT", "/env.pem")
    theirs = configuration.Configuration(isolated=False)
    theirs.load()
    ours = read_pip_settings()
    assert ours.indexes[0] == theirs.get_value("global.index-url")
    assert ours.proxy == theirs.get_value("global.proxy")
    assert str(ours.cert) == theirs.get_value(":env:.cert")
