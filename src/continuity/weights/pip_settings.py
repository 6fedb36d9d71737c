"""pip's own settings, read without pip: they are what a studio's mirror, proxy and certificates are configured with.

The files, sections and variables are those of pip's documentation ("Configuration"): configuration files from the
machine's to the environment's, ``[global]`` then ``[install]`` in each, then ``PIP_*`` variables.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import platformdirs

from continuity.errors import UsageError

_NO = {"", "0", "false", "f", "no", "n", "off"}

Login = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PipSettings:
    """Where pip looks and how it gets there.

    ``indexes`` are roots of simple repositories (PEP 503, PEP 691), ``links`` pages or folders with files; both without
    the logins that were written into their addresses: those are in ``logins``, by host and port.
    """

    indexes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    cert: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    trusted: frozenset[str] = frozenset()
    logins: Mapping[str, Login] = field(default_factory=dict, repr=False)


def read_pip_settings(
    environ: Mapping[str, str] | None = None, configurations: Iterable[Path] | None = None
) -> PipSettings:
    """pip's settings on this machine, or those in ``environ`` and the ``configurations`` given instead.

    Raises:
        UsageError: a configuration file that cannot be read, or an address in it that is none.
    """
    environ = os.environ if environ is None else environ
    paths = configuration_files(environ) if configurations is None else configurations
    found = {**_from_files(paths), **_from_environment(environ)}

    index = found.get("index-url") or default_index()
    indexes = [index, *found.get("extra-index-url", "").split()] if index else found.get("extra-index-url", "").split()
    if found.get("no-index", "").lower() not in _NO:
        indexes = []
    logins: dict[str, Login] = {}
    return PipSettings(
        indexes=tuple(dict.fromkeys(_without_login(address, logins).rstrip("/") for address in indexes)),
        links=tuple(dict.fromkeys(_without_login(address, logins) for address in found.get("find-links", "").split())),
        cert=Path(found["cert"]).expanduser() if "cert" in found else None,
        proxy=_with_scheme(found["proxy"]) if "proxy" in found else None,
        trusted=frozenset(found.get("trusted-host", "").lower().split()),
        logins=logins,
    )


def configuration_files(environ: Mapping[str, str]) -> list[Path]:
    """The places pip reads its configuration from, the weakest first; they need not exist."""
    name = "pip.conf" if os.name == "posix" else "pip.ini"
    own = environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    machine = [
        Path(folder) / name for folder in platformdirs.site_config_dir("pip", False, multipath=True).split(os.pathsep)
    ]
    user = [Path("~/.pip").expanduser() / name, Path(platformdirs.user_config_dir("pip", False)) / name]
    return [
        *machine,
        Path("/etc") / name,
        *([] if own and Path(own).exists() else user),
        Path(sys.prefix) / name,
        *([Path(own)] if own else []),
    ]


def default_index() -> str:
    """The index pip uses when none is set, asked from pip itself; empty where pip is not installed."""
    try:
        return str(import_module("pip._internal.models.index").PyPI.simple_url)
    except (ImportError, AttributeError):
        return ""


def split_login(address: str) -> tuple[str, Login | None]:
    """An address without the ``user:password@`` that may stand in it, and that login."""
    parts = urlsplit(address)
    if "@" not in parts.netloc:
        return address, None
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    return urlunsplit(parts._replace(netloc=host)), (unquote(user), unquote(password))


def place_of(address: str) -> str:
    """Host and port of an address, as written, in lower case: what a login or a failure belongs to."""
    parts: SplitResult = urlsplit(address)
    return parts.netloc.rpartition("@")[2].lower()


def _from_files(paths: Iterable[Path]) -> dict[str, str]:
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for path in paths:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path)
        except (configparser.Error, UnicodeDecodeError, OSError) as failure:
            raise UsageError(f"pip's configuration file {path} cannot be read ({failure}): mend it") from failure
        for section, settings in sections.items():
            if parser.has_section(section):
                settings.update((_name(key), value) for key, value in parser.items(section) if value)
    return {**sections["global"], **sections["install"]}


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {_name(key[4:]): value for key, value in environ.items() if key.startswith("PIP_") and value}


def _name(key: str) -> str:
    return key.lower().replace("_", "-").removeprefix("--")


def _without_login(address: str, logins: dict[str, Login]) -> str:
    try:
        clean, login = split_login(address)
    except ValueError as failure:
        raise UsageError(f"pip's settings name an index or link that is no address ({failure}): mend them") from failure
    if login is not None:
        logins[place_of(clean)] = login
    return clean


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"
