"""Logging in and out, and who one is."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from dashboard_api.access import COOKIE, context, is_own_origin, person_of, secret_of
from dashboard_api.problems import Problem
from registry import accounts
from registry.people import Person

router = APIRouter(tags=["session"])


class Credentials(BaseModel):
    username: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=accounts.MOST_PASSWORD)


class User(BaseModel):
    username: str
    role: str
    region: str
    enterprise: str


class LoggedIn(BaseModel):
    token: str
    user: User


@router.post("/login", response_model=LoggedIn)
async def log_in(request: Request, credentials: Credentials) -> Response:
    """A session: its secret as `token`, and as a cookie for our own pages."""
    here = context(request)
    if "origin" in request.headers and not is_own_origin(request.headers):
        raise Problem(403, "Only our own pages may log in from a browser (Origin).")
    name, address = credentials.username, request.client.host if request.client else ""
    wait_s = here.attempts.wait_s(name, address)
    if wait_s > 0:
        retry = {"Retry-After": str(int(wait_s) + 1)}
        raise Problem(429, f"Too many wrong passwords: try again in {int(wait_s) + 1} s.", headers=retry)
    found = await accounts.log_in(here.line, name, credentials.password, now_ms=here.clock.now_ms())
    if found is None:
        here.attempts.failed(name, address)
        raise Problem(401, "Name or password is wrong.")
    here.attempts.succeeded(name, address)
    secret, person = found
    answer = JSONResponse({"token": secret, "user": _shown(person).model_dump()})
    secure = request.url.scheme == "https"
    longest_s = accounts.SESSION_MS // 1000
    answer.set_cookie(COOKIE, secret, max_age=longest_s, httponly=True, samesite="strict", secure=secure, path="/")
    return answer


@router.post("/logout", status_code=204)
async def log_out(request: Request, _: Person = Depends(person_of)) -> Response:
    """Ends the session that asks."""
    secret, _by_cookie = secret_of(request.headers, request.cookies)
    if secret.startswith(accounts.SESSION):
        await accounts.log_out(context(request).line, secret)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/me")
async def me(person: Person = Depends(person_of)) -> User:
    """Who asks."""
    return _shown(person)


def _shown(person: Person) -> User:
    return User(username=person.name, role=str(person.role), region=person.region, enterprise=person.enterprise)
