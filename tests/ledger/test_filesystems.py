from __future__ import annotations

import logging
from pathlib import Path

import pytest

from continuity.errors import LedgerError
from continuity.ledger import Ledger, filesystems
from continuity.ledger.filesystems import network_filesystem

MOUNTS = r"""
/dev/vda / ext4 rw,relatime 0 0
tmpfs /dev/shm tmpfs rw 0 0
auto.shows /shows autofs rw,indirect 0 0
filer:/shows /shows/hero nfs4 rw,vers=4.2 0 0
//server/pool /mnt/pool cifs rw 0 0
pool /scratch lustre rw 0 0
gpfs0 /gpfs gpfs rw 0 0
filer:/a /mnt/with\040blank\134slash nfs rw 0 0
/dev/vdb /mnt/pool/local xfs rw 0 0
auto.home /home autofs rw 0 0
filer:/home /home nfs rw 0 0
tmpfs /srv/over nfs rw 0 0
tmpfs /srv/over tmpfs rw 0 0
short line
""".strip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", None),
        ("/work/show", None),
        ("/dev/shm/x", None),
        ("/shows/hero", "NFS"),
        ("/shows/hero/sc042", "NFS"),
        ("/shows/heroine", None),
        ("/shows", None),
        ("/mnt/pool/x", "SMB"),
        ("/mnt/pool/local/x", None),
        ("/scratch/a/b", "Lustre"),
        ("/gpfs", "GPFS"),
        ("/gpfs2", None),
        ("/mnt/with blank\\slash/x", "NFS"),
        ("/home/mara", "NFS"),
        ("/srv/over/x", None),
    ],
)
def test_the_deepest_and_last_mount_decides(path: str, kind: str | None) -> None:
    assert network_filesystem(MOUNTS, path) == kind


def test_no_table_says_nothing() -> None:
    assert network_filesystem("", "/x") is None


def test_a_ledger_on_a_network_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"/dev/vda / ext4 rw 0 0\nfiler:/shows {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(filesystems, "MOUNTS", table)
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    for folder in (tmp_path, link):
        with pytest.raises(LedgerError, match=r"lies on NFS.*disk of this machine"):
            Ledger.open(folder / "show.db")
    assert not (tmp_path / "show.db").exists()


def test_without_a_mount_table_it_is_said_and_gone_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "none")
    with caplog.at_level(logging.WARNING, "continuity"):
        Ledger.open(tmp_path / "show.db").close()
    assert "cannot be seen" in caplog.text
