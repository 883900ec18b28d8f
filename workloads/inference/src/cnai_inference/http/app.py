"""The application: every endpoint over one service."""

import logging
import time
import traceback
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Response
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from cnai_inference.config import ServeOptions
from cnai_inference.http import errors, v2
from cnai_inference.http.openai import Endpoints
from cnai_inference.http.service import Service

log = logging.getLogger(__name__)


class Application(FastAPI):
    """Counts answers; of an error that nothing foresaw it logs type and place only: the message may hold a prompt."""

    answered: Counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                handler = getattr(scope.get("route"), "path", "none")
                self.answered.labels(handler, scope["method"], f"{message['status'] // 100}xx").inc()
            await send(message)

        try:
            await super().__call__(scope, receive, counted)
        # The last place before uvicorn, which would log the message too.
        except Exception as error:  # noqa: BLE001
            log.error("unforeseen %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))


def create(service: Service, options: ServeOptions, registry: CollectorRegistry) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI):
        await service.engine.start()
        yield
        await service.engine.stop()

    app = Application(title="cnai inference", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    # The name that vLLM's server has it under.
    names = ["handler", "method", "status"]
    app.answered = Counter("http_requests_total", "Answers, by status.", names, registry=registry)
    endpoints = Endpoints(service, options, int(time.time())).router()
    app.include_router(endpoints)
    # Where KServe's own server has them.
    app.include_router(endpoints, prefix="/openai")
    router = APIRouter()
    v2.install(router, service, options)
    health(router, service, registry)
    app.include_router(router)
    errors.install(app)
    for kind in v2.STATUSES:
        app.add_exception_handler(kind, v2.v2_error)
    return app


def health(router: APIRouter, service: Service, registry: CollectorRegistry) -> None:
    async def alive() -> Response:
        ok = service.engine.alive()
        return JSONResponse({"status": "ok" if ok else "the engine has stopped"}, 200 if ok else 503)

    async def ready() -> Response:
        state = "draining" if service.draining else "ok" if service.ready else "the engine has stopped"
        return JSONResponse({"status": state}, 200 if service.ready else 503)

    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    router.add_api_route("/healthz", alive, methods=["GET"], response_model=None)
    router.add_api_route("/readyz", ready, methods=["GET"], response_model=None)
    router.add_api_route("/metrics", metrics, methods=["GET"], response_model=None)
