"""Errors as an answer: a status, a short code for programs, a sentence for people."""

from __future__ import annotations

from starlette.types import Scope

from imgindex.errors import ImgIndexError, ModelError, RootError, StoreError, StoreLocked, UsageError
from imgindex.ui.http.answers import Answer

REQUEST_ID = "imgindex.request_id"
"""Where a scope keeps the id of its request."""


class Problem(Exception):
    """What keeps a request from being answered; `status` is that of HTTP, `retry_s` when to come back."""

    def __init__(self, status: int, code: str, sentence: str, *, retry_s: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.retry_s = retry_s

    def answer(self, scope: Scope) -> Answer:
        """The problem as JSON."""
        headers = {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}
        body = {"code": self.code, "sentence": self.sentence, "request": scope.get(REQUEST_ID, "")}
        return Answer({"error": body}, self.status, headers)


def unknown(what: str) -> Problem:
    return Problem(404, "unknown", f"There is no {what} of this id here.")


def of_error(error: ImgIndexError) -> Problem:
    """What a client is told of an error that a person would be told."""
    if isinstance(error, StoreLocked):
        return Problem(503, "busy", str(error), retry_s=5)
    if isinstance(error, StoreError):
        return Problem(503, "store", str(error), retry_s=60)
    if isinstance(error, ModelError):
        return Problem(422, "model", str(error))
    if isinstance(error, RootError):
        return Problem(422, "folder", str(error))
    assert isinstance(error, UsageError) or type(error) is ImgIndexError
    return Problem(422, "asked", str(error))
