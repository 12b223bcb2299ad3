"""The screen's files, the page that reads the OpenAPI description, and the headers that keep browsers safe."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from dashboard_api.problems import Problem

STATIC = Path(__file__).resolve().parents[1] / "static"
API = "/api/v1"
NOT_BUILT = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Hazardwatch</title>"
    "<h1>The screen is not built</h1><p>The platform works, its screen is missing here. Run <code>make screen</code>"
    " in the source tree, then load this page again.</p>"
)
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}

router = APIRouter(include_in_schema=False)


@router.get(f"{API}/docs")
async def docs(request: Request) -> Response:
    """The OpenAPI description for people, without a script from anywhere."""
    return HTMLResponse(_described(request.app))


@router.get("/{path:path}")
async def screen(path: str) -> Response:
    """A file of the screen; any other path is a page of it."""
    if path.startswith("api/"):
        raise Problem(404, f"There is no call /{path}.")
    wanted = (STATIC / path).resolve()
    if path and wanted.is_relative_to(STATIC) and wanted.is_file():
        lasting = path.startswith("assets/")
        return FileResponse(wanted, headers={"Cache-Control": f"public, max-age={31_536_000 if lasting else 60}"})
    if path.startswith("assets/"):
        raise Problem(404, f"There is no file /{path}.")
    index = STATIC / "index.html"
    if not index.is_file():
        return HTMLResponse(NOT_BUILT, status_code=503)
    return FileResponse(index, headers={"Cache-Control": "no-store"})


def _described(app: FastAPI) -> str:
    description = app.openapi()
    calls = "".join(
        _call(method, path, call) for path, methods in description["paths"].items() for method, call in methods.items()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Hazardwatch API</title>"
        "<style>body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "code{background:#eee;padding:0 .3em}h2{font-size:1rem;margin:1.6rem 0 .2rem}dl{margin:.2rem 0 0 1rem}</style>"
        f"<h1>{escape(description['info']['title'])} {escape(description['info']['version'])}</h1>"
        f'<p>For programs: <a href="{API}/openapi.json">openapi.json</a>.'
        f" The WebSocket is at <code>{API}/live</code>.</p>"
        f"{calls}"
    )


def _call(method: str, path: str, call: dict[str, Any]) -> str:
    parameters = "".join(
        f"<dt><code>{escape(one['name'])}</code>{' (required)' if one.get('required') else ''}</dt>"
        f"<dd>{escape(one.get('description', ''))}</dd>"
        for one in call.get("parameters", [])
    )
    body = "<p>Takes a body: see openapi.json.</p>" if "requestBody" in call else ""
    said = escape(call.get("description", ""))
    return f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{said}</p>{body}<dl>{parameters}</dl>"
