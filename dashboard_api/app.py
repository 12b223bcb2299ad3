"""Routes, errors and headers to one application, and that application to a server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.middleware.base import BaseHTTPMiddleware

from dashboard_api import problems
from dashboard_api.access import Context
from dashboard_api.live.feed import Feed
from dashboard_api.release import release
from dashboard_api.routes import (
    alarms,
    backtests,
    figures,
    health,
    history,
    latest,
    live,
    notices,
    rejects,
    screen,
    session,
    site,
)
from ingest.status import RoleStatus, tell
from line.clock import SteadyClock
from line.log import Line
from registry.database import Database

log = structlog.get_logger()
ROLE = "api"
STOP_S = 3


def create_app(here: Context) -> FastAPI:
    """The whole of HTTP and WebSocket over what `here` knows."""
    app = FastAPI(
        title="Hazardwatch",
        version=release(),
        openapi_url=f"{screen.API}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = here
    problems.install(app)
    app.add_middleware(BaseHTTPMiddleware, dispatch=_with_headers)
    for room in (session, site, history, rejects, latest, alarms, figures, backtests, notices, live):
        app.include_router(room.router, prefix=screen.API)
    app.include_router(notices.pages)
    app.include_router(health.router)
    app.include_router(screen.router)
    return app


async def _with_headers(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await call(request)
    for name, value in screen.HEADERS.items():
        answer.headers.setdefault(name, value)
    if request.url.path.startswith(screen.API):
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer


async def run(
    line: Line,
    database_url: str | None,
    listener: socket.socket,
    *,
    tls: tuple[str, str] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serves on a listening socket until `stop` is set; the database may come and go."""
    clock = await SteadyClock.open(line)
    database = await Database.open(database_url, name=ROLE, patience_s=3.0) if database_url else None
    here = Context(line, clock, Feed(line, clock), database)
    config = uvicorn.Config(
        create_app(here),
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=live.MOST_BYTES,
        ws_ping_interval=10,
        ws_ping_timeout=10,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_S,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    server = _Server(config)
    try:
        async with asyncio.TaskGroup() as tasks:
            others = [
                tasks.create_task(here.feed.run(), name="feed"),
                tasks.create_task(tell(line, lambda: _status(here)), name="status"),
                tasks.create_task(here.backtests.run(), name="backtests"),
            ]
            serving = tasks.create_task(server.serve(sockets=[listener]), name="http")
            if stop is not None:
                others.append(tasks.create_task(_end(stop, server, here), name="end"))
            await serving
            for other in others:
                other.cancel()
    finally:
        if database is not None:
            await database.close()


class _Server(uvicorn.Server):
    """Signals are the role's own business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _end(stop: asyncio.Event, server: uvicorn.Server, here: Context) -> None:
    await stop.wait()
    for one in list(here.feed.hub.screens):
        one.close(1012)  # the service restarts: come back
    server.should_exit = True


def _status(here: Context) -> RoleStatus:
    return RoleStatus(
        ROLE,
        here.clock.now_ms(),
        here.feed.version,
        metrics={"screens": len(here.feed.hub.screens), "alarm_seq": here.feed.book.seq},
    )
