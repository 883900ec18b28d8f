"""Runs the application until SIGTERM, then lets running requests end."""

import asyncio
import logging
import resource
from types import FrameType

import uvicorn
from fastapi import FastAPI

from cnai_inference.config import ServeOptions
from cnai_inference.http.protocol import impatient
from cnai_inference.http.service import Service

log = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """First signal: not ready, then no new requests, then the end with status 0. A second one ends it at once."""

    def __init__(self, config: uvicorn.Config, service: Service, options: ServeOptions) -> None:
        super().__init__(config)
        self._service = service
        self._options = options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain_task: asyncio.Task[None] | None = None

    async def serve(self, sockets=None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._service.draining or self._loop is None:
            self.should_exit = self.force_exit = True
            return
        self._service.draining = True
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._drain_task = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        log.info("draining: %d requests run", len(self._service.active))
        await asyncio.sleep(self._options.drain_delay_s)
        self._service.accepting = False
        deadline = asyncio.get_running_loop().time() + self._options.grace_s
        while self._service.active and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        for generation in list(self._service.active):
            log.warning("the grace period is over: a request is cut off")
            await generation.interrupt()
        self.should_exit = True


def run(app: FastAPI, service: Service, options: ServeOptions) -> None:
    allow_many_connections()
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        http=impatient(options.stall_s),
        ws="none",
        log_config=None,
        access_log=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    DrainingServer(config, service, options).run()


def allow_many_connections() -> None:
    """As many files as the system lets this process open: each waiting client is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
