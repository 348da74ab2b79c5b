"""The page of the Consommatrice where a professional lets an application in."""

from starlette.routing import BaseRoute

from drimbox.entrypoints.http.authorize import AuthorizeDoor, authorize_routes
from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.security_headers import BrowserPolicy
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.flows.consumer.authorize_application import AuthorizeApplication
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.situation import Situations
from drimbox.gateway.identity import Identity
from drimbox.gateway.parts import Parts


def make_authorize_routes(
    parts: Parts, identity: Identity, pages: Pages, policy: BrowserPolicy
) -> list[BaseRoute]:
    """Return the routes; nobody can be let in where no contextual call comes."""
    settings, stores, server = parts.settings, parts.stores, identity.browser_tokens
    if not settings.is_consumer:
        return []
    situations = Situations(frozenset(e.identifier for e in settings.dmp.establishments))
    authorize = AuthorizeApplication(
        get_access_token=server.get_access_token,
        confirm_patient=ConfirmPatient(stores.contexts, stores.sessions, parts.clock, situations),
        contexts=stores.contexts,
        codes=stores.authorization_codes,
        clock=parts.clock,
        identifiers=parts.identifiers,
    )
    signed_in = SignedInPages(identity.browser, identity.sign_in, pages)
    door = AuthorizeDoor(authorize, signed_in, pages, policy, server.features.issuer)
    return authorize_routes(door)
