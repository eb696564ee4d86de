"""Templates, and what they may ask."""

from __future__ import annotations

import functools
import os
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from imgindex.files import display
from imgindex.records import DecisionKind
from imgindex.results import losses_text
from imgindex.ui.http.service import Service
from imgindex.ui.http.uploads import is_image_id
from imgindex.ui.report_text import which_has_what
from imgindex.ui.words import count, seconds_text, size_text

TABS = (
    ("/", "Folders"),
    ("/redundant", "Redundant"),
    ("/edited", "Edited copies"),
    ("/both", "Both stay"),
    ("/variants", "Variants"),
    ("/similar", "Look-alikes"),
    ("/search", "Search"),
    ("/news", "News"),
    ("/skipped", "Skipped"),
    ("/jobs", "Runs"),
)


@functools.cache
def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("imgindex.ui.http", "pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {
        "count": count,
        "display": display,
        "losses": losses_text,
        "name": lambda path: display(os.path.basename(path)),
        "folder": lambda path: display(os.path.dirname(path) + "/"),
        "seconds": seconds_text,
        "size": size_text,
        "moment": lambda iso: f"{iso[:10]} {iso[11:16]} UTC",
        "which_has_what": which_has_what,
    }
    return made


SAID = {
    DecisionKind.NOT_DUPLICATE: "Not a duplicate.",
    DecisionKind.ALTERNATES: "Two versions; each stays.",
    DecisionKind.KEEP_BOTH: "Both stay.",
    DecisionKind.KEEPER: "The other one is kept.",
}


def _decided(request: Request) -> dict[str, str] | None:
    """What was decided on the page before, which can be taken back on this one."""
    asked = request.query_params
    kind, first, second = (asked.get(name, "") for name in ("decided", "first", "second"))
    if kind not in list(SAID) or not (is_image_id(first) and is_image_id(second)):
        return None
    return {"sentence": SAID[DecisionKind(kind)], "first": first, "second": second}


def rendered(request: Request, here: Service, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page; where a script asks for more of a list, or for one part, the template leaves the frame around it away."""
    html = (
        environment()
        .get_template(template)
        .render(
            tabs=TABS,
            path=request.url.path,
            read_only=here.settings.read_only,
            with_login=here.settings.needs_token,
            decided=_decided(request),
            part="hx-request" in request.headers,
            **values,
        )
    )
    # a name that is no text is shown with escapes, and named by the id of its image
    return HTMLResponse(html.encode("utf-8", "backslashreplace"), status, {"Vary": "HX-Request"})
