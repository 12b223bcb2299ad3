"""What went wrong to application/problem+json (RFC 9457), one shape for every error."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from line.log import LineError
from registry.database import Away, DatabaseError

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818  the word of RFC 9457
    """An answer that is no success: its status, one sentence for a person, and what a program may need."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, headers or {}, more


def answer(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Every error of this application is answered as a problem; nothing of our inside is shown."""

    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:
        return answer(error.status, error.detail, error.headers, **error.more)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return answer(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        faults = [{"field": ".".join(map(str, one["loc"][1:])), "fault": one["msg"]} for one in error.errors()]
        said = "; ".join(f"{one['field']}: {one['fault']}" for one in faults)
        return answer(422, said or "the request cannot be understood", errors=faults)

    @app.exception_handler(Away)
    async def away(_: Request, error: Away) -> Response:
        log.info("history asked for while the database is away", error=str(error))
        return answer(503, "The database is away: history will be there again when it is.", {"Retry-After": "5"})

    @app.exception_handler(DatabaseError)
    async def database(_: Request, error: DatabaseError) -> Response:
        log.error("database", error=str(error))
        return answer(503, "The database cannot answer this now.", {"Retry-After": "5"})

    @app.exception_handler(LineError)
    async def line(_: Request, error: LineError) -> Response:
        log.warning("line", error=str(error))
        return answer(503, "The platform's log does not answer: nothing was changed, or it is not known.")

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        log.error("unforeseen", path=request.url.path, error=repr(error), exc_info=error)
        return answer(500, "Something went wrong that we did not foresee; it is in the log.")
