"""Processes that a test program started and did not end. The runner makes itself the reaper of all its descendants, so
an orphan stays below it, whatever session it went to; it then looks for them in /proc and ends no other process."""
import ctypes
import os
import select
import signal

PR_SET_CHILD_SUBREAPER = 36
# A process that is being ended may start another one meanwhile; so often is looked again.
ROUNDS_MAX = 20


def become_reaper():
    """From now on orphans among our descendants become our children (prctl(2))."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def parents():
    """{pid: (parent, state, session)} of all processes, as far as they can be read."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(name)] = (int(fields[1]), fields[0], int(fields[3]))
    return found


def is_below(pid, ancestor, table):
    while pid in table:
        pid = table[pid][0]
        if pid == ancestor:
            return True
    return False


def is_marked(pid, mark):
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            return f"SLUICE_TEST={mark}".encode() in environment.read().split(b"\0")
    except OSError:
        return False


def of_program(session, mark):
    """Living descendants of ours that carry the program's mark in their environment or are in its session. Dead ones
    that nobody waited for are reaped on the way."""
    table, living = parents(), []
    for pid, (_, state, its_session) in table.items():
        if not is_below(pid, os.getpid(), table):
            continue
        if state == "Z":
            if its_session == session and pid != session:
                reap(pid)
        elif its_session == session or is_marked(pid, mark):
            living.append(pid)
    return living


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def name_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as command:
            return command.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "(gone)"


def wait_for(pid, seconds):
    """True when the process has ended within the time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def end(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for pid in pids:
        wait_for(pid, 5.0)
        reap(pid)


def collect(session, mark, grace_s=2.0):
    """Gives what is ending by itself a moment, ends the rest, and returns the command lines of the rest."""
    for pid in of_program(session, mark):
        wait_for(pid, grace_s)
    stubborn = of_program(session, mark)
    names = [f"{pid} {name_of(pid)}" for pid in stubborn]
    for _ in range(ROUNDS_MAX):
        if not stubborn:
            break
        end(stubborn)
        stubborn = of_program(session, mark)
    return names


def all_of_ours():
    """Every living descendant of the runner, for an interrupted run."""
    table = parents()
    return [pid for pid, (_, state, _) in table.items() if state != "Z" and is_below(pid, os.getpid(), table)]
