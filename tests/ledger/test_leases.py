from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from continuity.ledger import Machine
from continuity.ledger.leases import dead, stamp

if TYPE_CHECKING:
    from conftest import Clock, Loop

Machines = Callable[..., Machine]


def test_a_running_process_keeps_its_lease_however_late_it_beats(machine: Machines, clock: Clock) -> None:
    lease = machine(pid=7).lease(60)
    clock.pass_by(86_400)
    assert not dead(lease, machine(pid=8))


def test_a_process_that_is_gone_is_dead_at_once(machine: Machines, clock: Clock) -> None:
    lease = machine(pid=7).lease(60)
    del clock.running[7]
    assert dead(lease, machine(pid=8))


def test_another_process_under_the_same_number_is_not_the_one_that_asked(machine: Machines, clock: Clock) -> None:
    lease = machine(pid=7).lease(60)
    clock.running[7] = "started later"
    assert dead(lease, machine(pid=8))


def test_another_boot_of_the_same_host_is_dead_at_once(machine: Machines) -> None:
    assert dead(machine(boot="before").lease(60), machine(boot="after"))


@pytest.mark.parametrize("elsewhere", [{"host": "farm2"}, {"host": "farm2", "boot": "boot-b"}, {"pids": "pid:[2]"}])
def test_a_process_that_cannot_be_seen_is_dead_when_its_time_is_up(
    machine: Machines, clock: Clock, elsewhere: dict[str, str]
) -> None:
    lease = machine(pid=7, **elsewhere).lease(60)
    del clock.running[7]  # of no meaning here: the number counts elsewhere
    clock.pass_by(59)
    assert not dead(lease, machine(pid=8))
    clock.pass_by(2)
    assert dead(lease, machine(pid=8))


def test_without_start_times_the_time_decides(machine: Machines, clock: Clock) -> None:
    lease = replace(machine(pid=7).lease(60), started="")
    assert not dead(lease, machine())
    clock.pass_by(61)
    assert dead(lease, machine())


def test_stamps_sort_as_time_does_in_any_zone() -> None:
    first = datetime(2030, 1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    later = datetime(2029, 12, 31, 20, 0, 0, 1, tzinfo=timezone.utc)  # noqa: UP017
    assert stamp(first) == "2029-12-31T20:00:00.000000+00:00" < stamp(later)


def test_this_machine_knows_its_own_process_and_one_that_is_killed() -> None:
    here = Machine.here()
    assert here.host and here.boot
    assert not dead(here.lease(60), here)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lease = replace(here.lease(60), pid=child.pid, started=here.started(child.pid))
    assert (lease.started and lease.started != here.started(os.getpid())) or child.pid != os.getpid()
    assert not dead(lease, here)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, not yet reaped
    assert dead(lease, here)
    child.communicate()
    assert dead(lease, here)


def test_only_the_dead_are_lost_and_only_of_the_shot_that_asks(loop: Loop, machine: Machines, clock: Clock) -> None:
    worker, other, third = (loop.seen_by(machine(pid=n)) for n in (1, 2, 3))
    mine, theirs = worker.ask(), other.ask()
    elsewhere = replace(worker, shot=worker.ledger.shot("another shot", {})).ask()
    del clock.running[1]
    third.ask()
    states = {row.id: str(row.state) for row in third.ledger.candidates()}
    assert [states[t.candidate] for t in (mine, theirs, elsewhere)] == ["lost", "asked", "asked"]


def test_beating_keeps_a_candidate_and_brings_back_one_given_up_too_early(
    loop: Loop, machine: Machines, clock: Clock
) -> None:
    far, near = loop.seen_by(machine(host="farm2", pid=1)), loop.seen_by(machine(pid=2))
    ticket = far.ask(lease_seconds=60)
    for _ in range(5):
        clock.pass_by(50)
        assert far.ledger.beat(ticket)
        near.ask()
        assert near.ledger.candidate(ticket.candidate).state == "asked"
    clock.pass_by(61)
    near.ask()
    assert near.ledger.candidate(ticket.candidate).state == "lost"
    assert far.ledger.beat(ticket)
    assert near.ledger.candidate(ticket.candidate).state == "asked"
    assert far.tell(ticket, face=-1)
    assert not far.ledger.beat(ticket)
    assert near.ledger.candidate(ticket.candidate).state == "accepted"
