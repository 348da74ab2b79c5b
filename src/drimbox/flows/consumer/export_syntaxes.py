"""Images of an export, each brought into the transfer syntax that it shall leave in (CO.74, CO.75).

What has no pixels, or pixels that cannot be in that syntax, leaves as it came: half a study at the
destination would be worse than one image in another syntax.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from drimbox.errors import MalformedMessage, NotAcceptable
from drimbox.flows.image_streams import close
from drimbox.model.export_syntax import ExportSyntax, SyntaxRule
from drimbox.model.manifest import Manifest
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopInstanceUid, TransferSyntaxUid
from drimbox.ports.pixel_worker import InstanceTranscoder


@dataclass(frozen=True, slots=True)
class ExportSyntaxes:
    """rules are by the name of the destination; one without a rule gets images as they come."""

    transcoder: InstanceTranscoder
    rules: Mapping[str, SyntaxRule] = field(default_factory=dict)

    async def apply(
        self,
        images: AsyncIterator[InstanceStream],
        manifest: Manifest,
        destination: str,
        chosen: ExportSyntax | None,
    ) -> AsyncIterator[InstanceStream]:
        """Yield the images as the destination shall have them."""
        rule = self.rules.get(destination, SyntaxRule())
        wanted = {
            instance.sop_instance_uid: rule.syntax_for(series.modality, chosen).transfer_syntax_uid
            for series in manifest.series
            for instance in series.instances
        }
        try:
            async for image in images:
                async for brought in self._brought(image, wanted):
                    yield brought
        finally:
            await close(images)

    async def _brought(
        self,
        image: InstanceStream,
        wanted: Mapping[SopInstanceUid, TransferSyntaxUid | None],
    ) -> AsyncIterator[InstanceStream]:
        syntax = wanted.get(image.sop_instance_uid)
        if syntax is None or syntax == image.transfer_syntax_uid:
            yield image
            return
        async with self.transcoder.received(image) as kept:
            try:
                yield await kept.transcoded(syntax)
            except (NotAcceptable, MalformedMessage):
                yield kept.as_received()
