"""Runs one program in its own process: waits for the request on standard input, then becomes the program."""

import asyncio
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pulumi
import pulumi.runtime

from cnai.engine.language.exits import REPORTED
from cnai.engine.orphans import die_with_parent
from cnai.errors import UserError

Json = dict[str, Any]
MONITOR_GONE = "resource monitor shut down"
"""What the SDK raises when the engine has stopped at an error, which it has reported itself."""


def main() -> None:
    die_with_parent()
    line = sys.stdin.readline()
    if not line:
        return
    request: Json = json.loads(line)
    _become(request)
    code = _run(request["program"], request["parallel"])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of gRPC and of the program may still wait for an engine that has stopped listening.
    os._exit(code)


def _become(request: Json) -> None:
    """Sets what the SDK and the program look at: settings, config, arguments, working directory, standard input."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    pulumi.runtime.reset_options(
        project=request["project"],
        stack=request["stack"],
        root_directory=request["root_directory"],
        parallel=request["parallel"],
        engine_address=request["engine"],
        monitor_address=request["monitor"],
        preview=request["dry_run"],
        organization=request["organization"],
    )
    pulumi.runtime.set_all_config(request["config"], request["secret_keys"])
    sys.argv = [request["program"], *request["args"]]
    os.chdir(request["pwd"])


def _run(program: str, parallel: int) -> int:
    # The SDK leaves futures unobserved when a program ends early; asyncio's complaints about them help nobody.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(max_workers=max(parallel, 1) * 4))
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _execute(program)))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except (UserError, pulumi.RunError) as error:
        pulumi.log.error(str(error))
        return REPORTED
    except grpc.RpcError as error:
        return _lost_engine(error)
    except BaseException as error:  # noqa: BLE001 - whatever the program raised, the user must see it
        if str(error) != MONITOR_GONE:
            pulumi.log.error(traceback.format_exc())
        return REPORTED
    return 0


def _execute(program: str) -> None:
    runpy.run_path(program, run_name="__main__")


def _lost_engine(error: grpc.RpcError) -> int:
    code = error.code() if isinstance(error, grpc.Call) else None
    if code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        pulumi.log.error(f"the engine refused a call: {error}")
    return REPORTED


if __name__ == "__main__":
    main()
