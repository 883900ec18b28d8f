"""`python leash.py PARENT COMMAND...`: becomes COMMAND, which the kernel kills as soon as the process PARENT is gone.

A program between the two, since code between fork and exec is not safe where gRPC or threads run. Only Linux has such a
signal; elsewhere the engine ends because its state service has gone, and our plugins because their engine has.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main()
