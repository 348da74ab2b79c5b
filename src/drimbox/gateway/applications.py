"""The ASGI application of each listener: its routes, its tables of errors, its headers."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version

from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from drimbox.adapters.dmp_soap.reachability import reach
from drimbox.entrypoints.http.api_reference import OPENAPI_PATH, published_interfaces
from drimbox.entrypoints.http.cross_origin import CrossOrigin, CrossOriginPolicy
from drimbox.entrypoints.http.dicomweb.routes import DicomwebDoor, dicomweb_routes
from drimbox.entrypoints.http.error_doors import application_of
from drimbox.entrypoints.http.event_loop_watch import EventLoopWatch
from drimbox.entrypoints.http.fhir.edge import FhirEdge
from drimbox.entrypoints.http.front_door import front_door
from drimbox.entrypoints.http.health import HealthDoor, KeptCheck, health_routes
from drimbox.entrypoints.http.metrics import Metrics
from drimbox.entrypoints.http.oauth import oauth_routes
from drimbox.entrypoints.http.operator import OperatorDoor, OwnHostOnly, operator_routes
from drimbox.entrypoints.http.pages import STATIC_PATH, Pages, static_files
from drimbox.entrypoints.http.peer_limits import PeerLimits
from drimbox.entrypoints.http.security_headers import BrowserPolicy, SecurityHeaders
from drimbox.entrypoints.http.sign_in import sign_in_routes
from drimbox.flows.opened_study import ImageService
from drimbox.flows.search_audit import SearchAudit
from drimbox.gateway.authorization import TokenServer
from drimbox.gateway.authorize import make_authorize_routes
from drimbox.gateway.certificates_in_use import certificate_ends
from drimbox.gateway.identity import Identity
from drimbox.gateway.parts import Parts


def browser_application(
    parts: Parts,
    identity: Identity,
    images: ImageService,
    pages: Pages,
    routes: list[BaseRoute],
    last_routes: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """Return what persons and FHIR clients of the site use; last_routes take what others leave."""
    settings = parts.settings
    base_url = settings.browser.base_url
    policy = BrowserPolicy(
        is_secure=settings.browser.certificate_file is not None,
        frame_ancestors=settings.contextual_call.frame_ancestors,
        form_targets=(_origin(settings.pro_sante_connect.issuer),),
    )
    door = DicomwebDoor(
        identity.browser_callers,
        images,
        parts.pixels,
        f"{base_url}/dicom-web",
        fetch_ahead=parts.fetch_ahead,
        draw_ahead=parts.draw_ahead,
    )
    application = application_of(
        [
            # Routes are tried in this order: what viewers ask for by the hundred comes first.
            *dicomweb_routes(door),
            # Before those of FHIR: SMART discovery is below /fhir.
            *_oauth(identity.browser_tokens),
            *make_authorize_routes(parts, identity, pages, policy),
            *routes,
            *sign_in_routes(
                identity.sign_in, callback_path=settings.pro_sante_connect.redirect_path
            ),
            *health_routes(health_door(parts, identity)),
            front_door("/consultation" if settings.is_consumer else f"{OPENAPI_PATH}/"),
            Mount(STATIC_PATH, static_files()),
            Mount(OPENAPI_PATH, published_interfaces()),
            *last_routes,
        ],
        elsewhere=pages.answer,
    )
    origins = CrossOriginPolicy(frozenset(settings.fhir.allowed_origins))
    return SecurityHeaders(CrossOrigin(FhirEdge(application), origins), policy)


def peer_application(parts: Parts, identity: Identity, images: ImageService) -> ASGIApp:
    """Return what other boxes use; the handshake has required their certificate."""
    assert identity.peer_callers is not None and identity.peer_tokens is not None  # noqa: S101, PT018
    settings = parts.settings.peer
    assert settings is not None  # noqa: S101
    base_url = settings.base_url
    door = DicomwebDoor(
        identity.peer_callers, images, parts.pixels, f"{base_url}/dicom-web", is_for_peers=True
    )
    application = application_of(
        [
            *dicomweb_routes(door),
            *_oauth(identity.peer_tokens),
            *health_routes(health_door(parts, identity)),
        ]
    )
    return PeerLimits(
        application,
        parts.clock,
        a_minute=settings.requests_a_minute,
        at_once=settings.requests_at_once,
    )


def operator_application(parts: Parts, identity: Identity, event_loop: EventLoopWatch) -> ASGIApp:
    """Return what operators use."""
    stores, settings, health = parts.stores, parts.settings, health_door(parts, identity)
    metrics = Metrics(
        read_figures=stores.figures,
        health=health,
        certificate_ends=partial(certificate_ends, settings),
        clock=parts.clock,
        version=health.version,
        event_loop=event_loop,
    )
    door = OperatorDoor(
        collect_metrics=metrics,
        alerts=stores.alerts,
        outbox=stores.outbox,
        search_audit=SearchAudit(stores.audit, parts.clock),
        clock=parts.clock,
    )
    application = application_of([*operator_routes(door), *health_routes(health)])
    return OwnHostOnly(application, settings.operator.allowed_hosts)


def health_door(parts: Parts, identity: Identity) -> HealthDoor:
    """Return the state of the box and of each partner."""

    async def storage() -> None:
        await parts.stores.database.ping()

    async def white_list() -> None:
        parts.trusted_space.generated_at()

    return HealthDoor(
        required={"storage": storage, "white_list": white_list},
        others={
            "pacs": parts.pacs.service.echo,
            "dmp": KeptCheck(partial(_reach_dmp, parts)),
            "pro_sante_connect": KeptCheck(identity.provider.check),
        },
        version=version("drimbox"),
    )


async def _reach_dmp(parts: Parts) -> None:
    """Ask as the first establishment: what is known of one is the network's and the DMP's."""
    dmp = parts.settings.dmp
    credentials = parts.dmp.establishments.choose(dmp.establishments[0].identifier)
    await reach(dmp.registry_url, credentials.tls, timeout_seconds=dmp.connect_timeout_seconds)


def _oauth(server: TokenServer) -> list[BaseRoute]:
    return oauth_routes(
        get_access_token=server.get_access_token,
        introspect_token=server.introspect_token,
        features=server.features,
    )


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
