"""The OpenAPI 3.1 document, made from the models.

In: the name of a campaign.  Out: the document.  Touches: the source of `models`, where the sentence
about each field stands below it.
"""

from __future__ import annotations

import ast
import inspect
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from campaign.intake.api import models
from campaign.intake.api.models import (
    BatchIn,
    BatchOut,
    ErrorOut,
    MessageIn,
    MessageOut,
    RenderedOut,
    TemplatesOut,
)
from campaign.intake.requests import KEY_MAX

_REF = "#/components/schemas/{model}"
_SHOWN: tuple[type[BaseModel], ...] = (
    BatchIn, BatchOut, ErrorOut, MessageIn, MessageOut, RenderedOut, TemplatesOut,
)  # fmt: skip
_ERRORS = {
    "401": "There is no key, or it is not valid.",
    "404": "There is no such letter.",
    "408": "The body did not come in time.",
    "409": "The Idempotency-Key was used before, for another letter.",
    "413": "The request is too long.",
    "422": "The letter cannot be made: the sentence says why, with template and line.",
    "429": "No more letters are taken just now.",
    "503": "Letters cannot be kept just now.",
}
_ASKING = ("401", "408", "413", "422", "429", "503")


def document(name: str) -> dict[str, Any]:
    """Of the API of a campaign."""
    _, defined = models_json_schema([(model, "validation") for model in _SHOWN], ref_template=_REF)
    schemas = defined["$defs"]
    for model_name, schema in schemas.items():
        _describe(schema, getattr(models, model_name))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Letters of {name}",
            "version": version("campaign"),
            "description": "Letters to one person each, kept for good before they are answered.",
        },
        "security": [{"key": []}],
        "paths": {
            "/v1/messages": {"post": _post(MessageIn, "Ask for one letter", _accepted())},
            "/v1/messages/batch": {
                "post": _post(BatchIn, "Ask for several letters", _batched(), keyed=True)
            },
            "/v1/messages/{id}": {
                "get": {
                    "summary": "What became of a letter",
                    "operationId": "message",
                    "parameters": [_path_parameter()],
                    "responses": {
                        "200": _content("MessageOut", "How it stands."),
                        **_errors("401", "404", "503"),
                    },
                }
            },
            "/v1/render": {
                "post": _post(
                    MessageIn,
                    "A letter as it would be sent; nothing is kept",
                    {"200": _content("RenderedOut", "The letter."), **_errors(*_ASKING)},
                    keyed=False,
                )
            },
            "/v1/templates": {
                "get": {
                    "summary": "The templates that this key may ask for",
                    "operationId": "templates",
                    "responses": {
                        "200": _content("TemplatesOut", "All of them."),
                        **_errors("401", "503"),
                    },
                }
            },
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _post(
    model: type[BaseModel], summary: str, responses: dict[str, Any], *, keyed: bool = True
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "summary": summary,
        "operationId": summary.split(",")[0].lower().replace(" ", "-").split(";")[0],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _reference(model.__name__)}},
        },
        "responses": responses,
    }
    if keyed:
        said["parameters"] = [_key_parameter()]
    return said


def _accepted() -> dict[str, Any]:
    replayed = {"Idempotency-Replayed": _header("true: the same was accepted before.")}
    found = {}
    for status, what in (
        ("202", "Accepted: the letter is durable."),
        ("200", "Suppressed: the person must not be written to."),
    ):
        found[status] = _content("AcceptedOut", what) | {
            "headers": replayed | {"Location": _header("Where to ask what became of it.")}
        }
    return found | _errors(*_ASKING, "409")


def _batched() -> dict[str, Any]:
    said = _content("BatchOut", "One result for each letter, in their order.")
    said["headers"] = {"Idempotency-Replayed": _header("true: all were accepted before.")}
    return {"200": said, **_errors(*_ASKING)}


def _errors(*statuses: str) -> dict[str, Any]:
    found = {}
    for status in sorted(statuses):
        said = _content("ErrorOut", _ERRORS[status])
        if status in ("429", "503"):
            said["headers"] = {"Retry-After": _header("Seconds after which to come again.")}
        found[status] = said
    return found


def _content(model: str, description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": _reference(model)}},
    }


def _reference(model: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=model)}


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _key_parameter() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key with the same letter has the same answer, and makes one"
        " letter; with another letter it is refused.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": KEY_MAX - 5,
            "pattern": "^[!-~]+$",
        },
    }


def _path_parameter() -> dict[str, Any]:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    }


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """The sentence below each field, which pydantic does not see."""
    (body,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(body, ast.ClassDef)
    schema.pop("title", None)
    for above, below in zip(body.body, body.body[1:], strict=False):
        match above, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                field = model.model_fields[name].alias or name
                schema["properties"][field]["description"] = " ".join(text.split())
    for entry in schema.get("properties", {}).values():
        entry.pop("title", None)
