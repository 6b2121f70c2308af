"""The bench: for each cell start the server, mount it, run the scripts on both sides, tell.

What it tells are events, one JSON object a line on stdout, in the order in which things happen;
`record.Recorder` folds them into a report on the host.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from .. import needs
from ..catalog import Check, Script, load
from ..commands import fill
from ..expect import Failed
from ..model import EXPORT, VIRTIO, Job, Planned, Result, claim
from ..neighbour import BOOT, HERE, over_wire
from . import isolate
from .kernel_log import COMPLAINT, KernelLog
from .mounts import MountError, image, prepare_root
from .servers import ServerError, Start
from .stand import Control, Device, Remote, Stand, Tested, Traced, TracedRemote
from .tap import notes

DEATHS = 3
"""A cell ends when its server had to be started again so often."""
TRACED = 3
"""Failed checks of a script that are run again to see what went over the wire."""
MESSAGES = 120
"""Messages of such a check that are told, the last ones."""
SAID = 200
"""Lines of the kernel's log."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def emit(event: str, **fields: Any) -> None:
    """Tell the host."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def main(path: str) -> int:
    """Run the job described in a file."""
    job = Job.from_data(json.loads(Path(path).read_text(encoding="utf-8")))
    bench = Bench(job, Path(path).parent)
    gc.disable()
    gc.freeze()
    try:
        bench.run()
    except (OSError, MountError) as failure:
        emit("trouble", text=f"the bench could not be set up: {failure}")
    except Exception:  # noqa: BLE001 - our own fault has to reach the report
        emit("fault", text=traceback.format_exc())
    finally:
        bench.close()
    emit("end")
    return 0


def kernel_version() -> tuple[int, int]:
    """Return the first two numbers of the running kernel's release."""
    major, minor = platform.release().split(".")[:2]
    return int(major), int("".join(digit for digit in minor if digit.isdigit()))


def largest_xattr(folder: Path) -> int:
    """Return the largest value of a user attribute that a file system takes, 0 for none."""
    for size in (needs.XATTR_SIZE_MAX, 1):
        try:
            os.setxattr(folder, "user.probe", bytes(size))
        except OSError:
            continue
        os.removexattr(folder, "user.probe")
        return size
    return 0


def same_device(one: Path, other: Path) -> bool:
    """Tell whether two paths, of which each may be missing, are on one file system."""
    try:
        return os.stat(one).st_dev == os.stat(other).st_dev
    except OSError:
        return False


Side = TypeVar("Side", bound=Tested)


class Retired(Exception):  # noqa: N818 - the end of a kernel's work, not of the run
    """A process cannot be ended, or the guest has no room: what it would say is worth little."""


class Bench:
    """One run of a job in this kernel."""

    def __init__(self, job: Job, folder: Path) -> None:
        """Remember the job, and this guest's folder on the host; nothing is started yet."""
        self.job = job
        self.device_export = folder / EXPORT
        self.work = Path(job.work)
        self.disk = self.work / "disk"
        self.log = KernelLog()
        self.stands: list[Stand] = []
        self.controls: dict[bool, Stand] = {}
        self.controlled: set[tuple[str, str]] = set()
        self.trouble = ""
        self.xattr_max = 0
        self.traced = 0
        self.met = self.retired = False

    def run(self) -> None:
        """Make the disk ready and run every cell."""
        prepare_root(self.work)
        if self.job.disk:
            image(self.disk, self.job.disk).mount()
        prepare_root(self.disk)
        kind = "ext4" if self.job.disk else "a local directory"
        emit("begin", kernel=platform.release(), engine=self.job.engine, control=kind)
        try:
            for number, planned in enumerate(self.job.cells):
                self.run_cell(number, planned)
        except Retired:
            self.retired = True
            emit("retire")

    def close(self) -> None:
        """Stop and unmount everything, unless that would hang."""
        if self.retired:
            return
        for stand in [*self.stands, *self.controls.values()]:
            stand.close()
        if self.job.disk:
            image(self.disk, self.job.disk).abandon()

    def run_cell(self, number: int, planned: Planned) -> None:
        """Run one cell's scripts; a server that cannot be mounted ends the cell."""
        emit("cell", cell=number)
        stands = {False: self.tested(number, planned, read_only=False)}
        if self.job.readonly is not None:
            stands[True] = self.tested(number, planned, read_only=True)
        self.stands = list(stands.values())
        try:
            for name in planned.scripts:
                if self.claim(number, name):
                    self.try_script(number, planned, load(name), stands)
        except (ServerError, MountError) as failure:
            emit("cell-trouble", cell=number, text=str(failure))
        for stand in self.stands:
            stand.close()

    def claim(self, number: int, name: str) -> bool:
        """Take a script; False when another guest that shares the job has it.

        Of all calls mkdir is the one that hostfs leaves to the host, so that only one can succeed.
        """
        if self.job.claims is None:
            return True
        try:
            os.mkdir(Path(self.job.claims, claim(number, name)))
        except FileExistsError:
            return False
        return True

    def tested(self, number: int, planned: Planned, *, read_only: bool) -> Tested:
        """Describe the side under test; its server starts when the first script needs it."""
        remote: type[Tested] = Remote if self.job.remote else Tested
        kind = Device if planned.cell.transport == VIRTIO else remote
        return self.side(kind, str(number), planned, read_only=read_only)

    def side(self, kind: type[Side], name: str, planned: Planned, *, read_only: bool) -> Side:
        """Describe a server and its mounts, by a name that nothing else has."""
        words = self.job.readonly if read_only else self.job.server
        export = self.disk / f"{'readonly' if read_only else 'export'}-{name}"

        def command(addr: str) -> list[str]:
            return fill(words or (), addr=addr, root=str(export), python=self.job.python)

        env = {"PATH": PATH, "HOME": str(self.work), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        if self.job.pythonpath:
            env["PYTHONPATH"] = self.job.pythonpath
        return kind(
            cell=planned.cell,
            backing=self.device_export if kind is Device else export,
            work=self.work,
            name=f"{'ro' if read_only else 'rw'}-{name}",
            command=command,
            aname=self.job.aname.replace("{root}", str(export)),
            env=env,
            ours=self.job.ours,
            remote=self.job.remote,
            wire=HERE if self.job.neighbour else "",
            begin=Start("the read-only server" if read_only else "the server", self.job.cwd),
        )

    def control(self, *, read_only: bool) -> Stand:
        """Return the control side, the same for all cells."""
        if read_only not in self.controls:
            name = "control-ro" if read_only else "control"
            self.controls[read_only] = Control(self.disk / name, self.work, name, read_only)
        return self.controls[read_only]

    def facts(self, planned: Planned, export: Path) -> needs.Facts:
        """Collect what this cell offers to scripts; a server elsewhere has its export mounted."""
        server = planned.cell.transport != VIRTIO and not os.path.ismount(export)
        return needs.Facts(
            transport=planned.cell.transport,
            cache=planned.cell.mode,
            access=planned.cell.access or "client",
            kernel=kernel_version(),
            root=os.geteuid() == 0,
            read_only=self.job.readonly is not None,
            xattr_max=self.xattr_max,
            repository=self.job.repository is not None,
            disk=self.job.disk is not None and same_device(export, self.disk),
            server=server,
            neighbour=server and self.job.neighbour,
            ours=self.job.ours,
        )

    def try_script(
        self, number: int, planned: Planned, script: Script, stands: dict[bool, Tested]
    ) -> None:
        """Mount what a script needs and run it; where this guest fails itself another goes on."""
        try:
            facts = self.facts(planned, stands[False].backing)
            if not needs.unmet(planned.cell.needs, facts):
                self.mounted(number, stands[False])
            self.run_script(number, planned, script, stands)
        except OSError as failure:
            if self.job.claims is None:
                raise
            text = f"the guest itself failed: {failure}"
            self.retire(number, script, text, 0.0, cut=True)

    def run_script(
        self, number: int, planned: Planned, script: Script, stands: dict[bool, Tested]
    ) -> None:
        """Run one script on both sides and tell what the kernel said meanwhile."""
        emit("script", cell=number, script=script.name, title=script.title)
        start = time.monotonic()
        checks = self.runnable(number, planned, script, stands[False].backing)
        if checks:
            read_only = "read-only" in script.needs
            stand = stands[read_only]
            self.mounted(number, stand)
            self.log.news()
            failed = self.run_side(number, script, checks, stand)
            if stand.unkillable and self.job.claims is not None:
                self.retire(number, script, stand.trouble(), time.monotonic() - start)
            red = self.run_control(number, script, checks, read_only=read_only)
            self.tell_kernel_log(number, script, whole=bool(failed))
            self.look_after(number, script, stand)
            again = self.traceable(number, planned, script, failed, red)
            self.trace(number, planned, script, again)
        emit("done", cell=number, script=script.name, seconds=time.monotonic() - start)

    def traceable(
        self,
        number: int,
        planned: Planned,
        script: Script,
        failed: Sequence[Check],
        red: Sequence[Check],
    ) -> list[Check]:
        """Return which failed checks to run once more; tell of the others why they are not."""
        chosen: list[Check] = []
        for check in failed:
            if planned.cell.transport == VIRTIO:
                reason = "a device has no connection to listen to"
            elif check in red:
                reason = "the control failed, too"
            elif len(chosen) == TRACED:
                reason = f"{TRACED} of a script are traced, the first ones"
            else:
                chosen.append(check)
                continue
            self.untraced(number, script, check, reason)
        return chosen

    def untraced(self, number: int, script: Script, check: Check, text: str) -> None:
        """Tell why a failed check has no trace."""
        emit("untraced", cell=number, script=script.name, check=check.name, text=text)

    def retire(
        self, number: int, script: Script, text: str, seconds: float, *, cut: bool = False
    ) -> NoReturn:
        """Tell why this kernel is not asked any more; another guest goes on."""
        self.tell_kernel_log(number, script, whole=True)
        emit("script-trouble", cell=number, script=script.name, text=text, cut=cut)
        emit("done", cell=number, script=script.name, seconds=seconds)
        raise Retired

    def mounted(self, number: int, stand: Tested) -> None:
        """Start and mount the server of a stand unless that is done; tell what the kernel shows."""
        try:
            fresh = stand.open()
        except MountError as failure:
            asked = f"; perhaps the server has no aname {stand.aname!r}" if stand.aname else ""
            raise MountError(f"{failure}{asked}") from None
        if fresh:
            self.xattr_max = largest_xattr(stand.backing / stand.inside)
            emit("mounted", cell=number, server=stand.says, line=stand.line)

    def runnable(self, number: int, planned: Planned, script: Script, export: Path) -> list[Check]:
        """Return the checks whose needs are met; tell the others as skips."""
        facts = self.facts(planned, export)
        checks = []
        for check in script.checks:
            emit(
                "check",
                cell=number,
                script=script.name,
                check=check.name,
                title=check.title,
                clauses=check.clauses,
            )
            reason = needs.unmet((*planned.cell.needs, *script.needs, *check.needs), facts)
            if reason:
                self.tell(number, script, check, "mount", Result("skip", reason))
            else:
                checks.append(check)
        return checks

    def tell_kernel_log(self, number: int, script: Script, *, whole: bool) -> None:
        """Tell what the kernel complained about; all that it said, if something is wrong."""
        news = self.log.news()
        complaints = [line for line in news if COMPLAINT.search(line)]
        if complaints or (whole and news):
            said = {"lines": complaints, "all": news[-SAID:]}
            emit("kernel-log", cell=number, script=script.name, **said)

    def run_control(
        self, number: int, script: Script, checks: Sequence[Check], *, read_only: bool
    ) -> list[Check]:
        """Run on the control what has not run there yet; return what failed."""
        new = [check for check in checks if (script.name, check.name) not in self.controlled]
        if not new:
            return []
        self.controlled.update((script.name, check.name) for check in new)
        control = self.control(read_only=read_only)
        control.open()
        return self.run_side(number, script, new, control)

    def run_side(
        self, number: int, script: Script, checks: Sequence[Check], stand: Stand
    ) -> list[Check]:
        """Run checks on one side, each in its fresh directory; return what failed."""
        failed: list[Check] = []

        def report(at: int, result: Result) -> None:
            self.tell(number, script, checks[at], stand.side, result)
            if result.outcome == "fail":
                failed.append(checks[at])
                stand.suspect = True

        self.run_checks(script, checks, stand, report)
        return failed

    def run_checks(
        self,
        script: Script,
        checks: Sequence[Check],
        stand: Stand,
        report: Callable[[int, Result], None],
    ) -> None:
        """Run checks on a stand, each in its fresh directory."""
        base = stand.backing / stand.inside / script.name
        base.mkdir(exist_ok=True)
        if script.prepare:
            script.prepare(base)
        if script.meets:
            self.meet()
        calls = [self.call(script, check, stand) for check in checks]
        deadline = (script.deadline or self.job.deadline) * self.job.patience
        if not isolate.run_all(calls, deadline, report):
            stand.unkillable = True

    def meet(self) -> None:
        """Wait once until the other guest is up; if it never is, every check says so."""
        if not self.met:
            self.met = True
            with suppress(Failed):
                over_wire(BOOT).close()

    def call(self, script: Script, check: Check, stand: Stand) -> Callable[[], object]:
        """Bind a check to its place; the fresh directory is made through the mount itself."""
        repository = Path(self.job.repository) if self.job.repository else None
        inside = Path(script.name) if script.prepare else Path(script.name, check.name)

        def run() -> object:
            if "second-mount" in (*script.needs, *check.needs):
                stand.open_second()
            place = stand.place(inside, kernel_version(), repository)
            if not script.prepare:
                os.mkdir(place.dir)
            return check.run(place)

        return run

    def trace(self, number: int, planned: Planned, script: Script, checks: Sequence[Check]) -> None:
        """Run checks once more, alone on a server of their own; tell what went over the wire."""
        if not checks:
            return
        self.traced += 1
        read_only = "read-only" in script.needs
        kind = TracedRemote if self.job.remote else Traced
        stand = self.side(kind, f"traced-{self.traced}", planned, read_only=read_only)
        try:
            stand.open()
            for check in checks:
                self.trace_check(number, script, check, stand)
        except (ServerError, MountError) as failure:
            for check in checks:
                self.untraced(number, script, check, str(failure))
        finally:
            stand.close()

    def trace_check(self, number: int, script: Script, check: Check, stand: Traced) -> None:
        """Run one check once more and tell what went over the wire meanwhile."""
        before = stand.tap.trace.stat().st_size
        results: list[Result] = []
        self.run_checks(script, [check], stand, lambda _, result: results.append(result))
        with stand.tap.trace.open("rb") as file:
            file.seek(before)
            seen = list(notes(file.read()))
        first = seen[0].seconds if seen else 0.0
        emit(
            "trace",
            cell=number,
            script=script.name,
            check=check.name,
            outcome=results[0].outcome,
            message=results[0].message,
            left=max(len(seen) - MESSAGES, 0),
            notes=[
                (round(n.seconds - first, 6), n.connection, n.sent, n.size, n.data.hex())
                for n in seen[-MESSAGES:]
            ],
        )

    def look_after(self, number: int, script: Script, stand: Tested) -> None:
        """Notice a dead server or mount, tell, and start afresh."""
        text = stand.trouble()
        if not text:
            return
        emit("script-trouble", cell=number, script=script.name, text=text)
        stand.deaths += 1
        if not stand.alive:
            emit("cell-trouble", cell=number, text=text)
        stand.close()
        if stand.deaths >= DEATHS:
            raise ServerError(f"gave up after {DEATHS} starts")

    def tell(self, number: int, script: Script, check: Check, side: str, result: Result) -> None:
        """Tell one result."""
        emit(
            "result",
            cell=number,
            script=script.name,
            check=check.name,
            side=side,
            outcome=result.outcome,
            message=result.message,
            seconds=round(result.seconds, 3),
            seen=result.seen,
        )
