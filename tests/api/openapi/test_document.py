from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from pydantic import BaseModel

import api.routes
from api.access import READ
from api.openapi.document import described, document
from api.parameters import parse
from api.resource import PlatformResource
from api.routes import ROUTES, Route
from utils import InvalidInput

V1 = [route for route in ROUTES if route.path.startswith("/api/v1")]


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document(ROUTES)


def test_it_is_valid_openapi(made: dict[str, Any]):
    assert made["openapi"].startswith("3.1")
    validate(made)


def test_it_holds_every_method_of_every_route_under_a_name_of_its_own(made: dict[str, Any]):
    operations = [operation for path in made["paths"].values() for operation in path.values()]
    assert len(operations) == sum(len(route.access) for route in V1)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)


def test_every_status_has_words_and_every_refusal_one_shape(made: dict[str, Any]):
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert response["$ref"].endswith(f"Problem{status}"), (method, path)
    for response in made["components"]["responses"].values():
        assert response["description"]
        assert response["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_the_token_is_asked_for_where_the_route_says_so_and_never_among_the_parameters(made: dict[str, Any]):
    for item in described(ROUTES):
        security = made["paths"][item.path][item.method.lower()]["security"]
        assert security == ([] if item.access.is_public else [{"token": [item.access.scope.value]}])
    assert "api_token" not in str(made)


def test_the_bounds_that_validate_are_the_bounds_that_it_tells(made: dict[str, Any]):
    parameters = made["paths"]["/api/v1/jobs"]["get"]["parameters"]
    limit = next(parameter for parameter in parameters if parameter["name"] == "limit")
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"]) == (1, 100)
    assert not {"'ge'", "'le'", "'gt'", "'lt'"} & set(str(made).replace(":", " ").split()), "bounds come before Number"


ODD_VALUES: tuple[Any, ...] = (None, "", "x", [], [None], {}, True, -1, 1e300, "\ud800")


@pytest.mark.parametrize("schema", dict.fromkeys(item.operation.takes for item in described(ROUTES)))
def test_whatever_a_field_gets_is_taken_or_refused_with_words(schema: type[BaseModel]):
    for name, field in schema.model_fields.items():
        for value in ODD_VALUES:
            with suppress(InvalidInput):
                parse(schema, {field.alias or name: value}, strict=True)


def test_the_methods_of_a_path_that_looks_like_another_are_its_own(client: FlaskClient):
    for path, methods in (("images/bulk", {"POST"}), ("classes/order", {"PUT"}), ("models/compare", {"GET", "HEAD"})):
        assert set(client.options(f"/api/v1/projects/pets/{path}").allow) - {"OPTIONS"} == methods


def test_who_sends_no_token_is_told_so_before_the_body_is_looked_at(client: FlaskClient):
    for path in ("images", "images/bulk"):
        answer = client.post(f"/api/v1/projects/pets/{path}", data="<xml/>", content_type="text/xml")
        assert answer.status_code == 401, answer.json


def test_a_method_that_does_not_say_what_it_takes_and_gives_is_refused():
    class Thing(PlatformResource):
        def get(self) -> str:
            return ""

    with pytest.raises(TypeError, match="GET /api/v1/thing does not declare"):
        list(described([Route("/api/v1/thing", Thing, {"GET": READ})]))


def test_a_route_without_a_declaration_keeps_the_application_from_starting(monkeypatch: pytest.MonkeyPatch):
    from flask import Flask

    from api.errors import ProblemApi
    from api.platform import Platform
    from settings import Settings

    class Thing(PlatformResource):
        def get(self) -> str:
            return ""

    monkeypatch.setattr(api.routes, "ROUTES", (*ROUTES, Route("/api/v1/thing", Thing, {"GET": READ})))
    with pytest.raises(TypeError, match="does not declare"):
        api.routes.add_routes(ProblemApi(Flask("test")), Platform(Settings, lambda settings: settings))


def test_the_page_loads_nothing_from_elsewhere(client: FlaskClient):
    page = client.get("/api/docs")
    assert page.mimetype == "text/html"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text.replace("http-equiv", "")
    loaded = [part.split('"')[0] for part in page.text.split('="docs/')[1:]]
    assert {"swagger-ui-bundle.js", "swagger-ui.css", "start.js"} <= set(loaded)
    for name in loaded:
        assert client.get(f"/api/docs/{name}").status_code == 200
    assert client.get("/api/docs/../settings.py").status_code == 404
    assert client.get("/api/docs/LICENSE").status_code == 404


def test_the_document_is_served_as_it_is_made(client: FlaskClient, made: dict[str, Any]):
    assert client.get("/api/openapi.json").json == made
