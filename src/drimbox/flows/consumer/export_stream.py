"""The images of an export on their way: identifiers changed, and who broke the way remembered."""

from collections.abc import AsyncIterator
from dataclasses import replace

from drimbox.errors import DrimboxError
from drimbox.model.retrieval import InstanceStream
from drimbox.standards.dicom.outgoing import (
    IdentifierWriter,
    OutgoingDataSet,
    OutgoingIdentity,
    outgoing_syntax,
)


class ExportStream:
    """Images from their Source, as the destination shall receive them (CO.77).

    Reading raises what the Source's side raises, and `source_failure` then holds it: whoever reads
    may wrap it in an error of its own.
    """

    def __init__(self, images: AsyncIterator[InstanceStream], identity: OutgoingIdentity) -> None:
        self._images = images
        self._identity = identity
        self.source_failure: DrimboxError | None = None

    def __aiter__(self) -> "ExportStream":
        return self

    async def __anext__(self) -> InstanceStream:
        try:
            image = await anext(self._images)
        except DrimboxError as error:
            self.source_failure = error
            raise
        return replace(
            image,
            transfer_syntax_uid=outgoing_syntax(image.transfer_syntax_uid),
            chunks=self._rewritten(image),
        )

    async def _rewritten(self, image: InstanceStream) -> AsyncIterator[bytes]:
        data_set = OutgoingDataSet(image.transfer_syntax_uid, IdentifierWriter(self._identity))
        try:
            async for chunk in image.chunks:
                for piece in data_set.feed(chunk):
                    yield piece
            for piece in data_set.finish():
                yield piece
        except DrimboxError as error:
            self.source_failure = error
            raise
