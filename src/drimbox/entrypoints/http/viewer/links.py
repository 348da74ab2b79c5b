"""The address of a viewer Endpoint: signs in where needed, then leads to the exam's page, once.

GET /viewer/links/{link}     303 to /viewer/{context}/{study}
"""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.errors import NotFound
from drimbox.flows.consumer.viewer_links import ViewerLinks
from drimbox.model.session import Session

LINKS_PATH = "/viewer/links"


@dataclass(frozen=True, slots=True)
class ViewerLinksDoor:
    links: ViewerLinks

    async def open(self, request: Request, session: Session) -> Response:
        # What looks at addresses before a person does must not use one up.
        if request.method != "GET":
            raise NotFound("a link is opened by GET")
        link = await self.links.use(session, request.path_params["link"])
        return RedirectResponse(f"/viewer/{link.context}/{link.study}", HTTPStatus.SEE_OTHER)


def viewer_links_routes(door: ViewerLinksDoor, signed_in: SignedInPages) -> list[BaseRoute]:
    """Return the route; it goes before those of the viewer, of which it looks like one."""
    return [Route(f"{LINKS_PATH}/{{link}}", signed_in.page(door.open), methods=["GET"])]
