"""What `drimbox kos build` is made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drimbox.adapters.system_clock import RandomIdentifiers
from drimbox.errors import SettingsError
from drimbox.flows.source.build_kos import BuildKos
from drimbox.gateway.administration import administration
from drimbox.gateway.site_pacs import make_site_pacs
from drimbox.gateway.source import publication_rules
from drimbox.settings.load import Settings


@asynccontextmanager
async def kos_builder(settings: Settings) -> AsyncIterator[BuildKos]:
    """Open the register of a Source and its PACS, beside the box that may be running.

    Raises:
        SettingsError: a box that publishes nothing, or settings that cannot be used.
        Unavailable: the database does not answer.
    """
    if settings.publication is None:
        raise SettingsError("publication", "only a Source builds KOS")
    pacs = make_site_pacs(settings)
    async with administration(settings) as box:
        try:
            yield BuildKos(
                register=box.stores.register,
                pacs=pacs.service,
                identifiers=RandomIdentifiers(settings.publication.uid_root),
                clock=box.clock,
                rules=publication_rules(settings, settings.publication),
            )
        finally:
            await pacs.close()
