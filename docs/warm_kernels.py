"""Kernels that begin with the imports made.

Each page of examples has a kernel of its own. Nearly all of the time of most pages would go into
importing the same packages, some seven seconds of a core. Here one process imports them, and each
kernel is a fork of it (of Python's own forkserver): what a page does is still its own.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from typing import Any

IMPORTS = ["ipykernel.kernelapp", "matplotlib.pyplot", "xarray_atlas"]
INLINE = "module://matplotlib_inline.backend_inline"


def kernel(command: list[str], environment: dict[str, str], folder: str) -> None:
    """Be the kernel that a command line would start."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # it ends when the process that it is a fork of does
    parent = f"--IPKernelApp.parent_handle={os.getppid()}"
    sys.argv = [*command[command.index("-m") + 1 :], parent]
    sys.path[0:0] = [""]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


class Kernel:
    """A forked kernel, to be handled as a Popen is."""

    stdin = stdout = stderr = None

    def __init__(self, process: Any) -> None:
        self.process = process
        self.pid: int = process.pid

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        status: int | None = self.process.exitcode
        return status

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end."""
        self.process.join(timeout)
        return self.poll()

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """End it."""
        self.process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()


def install() -> None:
    """Make kernels forks from now on, where there are forks."""
    if not hasattr(os, "fork"):
        return
    from jupyter_client.provisioning import local_provisioner

    os.environ["MPLBACKEND"] = INLINE
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTS)

    def launch_kernel(command: list[str], env: dict[str, str], **kwargs: Any) -> Kernel:
        folder = kwargs.get("cwd") or os.getcwd()
        process = context.Process(target=kernel, args=(command, dict(env), folder))
        process.start()
        while process.exitcode is None and os.getpgid(process.pid) != process.pid:
            time.sleep(0.01)  # until it leads a group of its own, by which it can be ended
        return Kernel(process)

    local_provisioner.launch_kernel = launch_kernel
