"""Who types the host alone is led to what people use there: pages, else the interfaces' page."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route


def front_door(address: str) -> Route:
    """Return the route of `/`, which leads to an address of the same host."""

    async def lead(request: Request) -> Response:
        del request
        return RedirectResponse(address, HTTPStatus.SEE_OTHER)

    return Route("/", lead, methods=["GET"])
