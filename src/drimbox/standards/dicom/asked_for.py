"""Whether an image is one of those that were asked for: by its UIDs, read at its head as it passes.

A PACS may send what it was not asked for. The INS of one patient is put into each image that leaves
this box, so that nobody behind it could tell any more.
"""

from drimbox.errors import Mismatch
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.patient_identifiers import IdentityReader, with_chunks_again
from drimbox.standards.dicom.skimming import skim

_NAMES = frozenset({tags.SOP_INSTANCE_UID, tags.STUDY_INSTANCE_UID, tags.SERIES_INSTANCE_UID})


class AskedFor:
    """Compares image after image with what was asked for; each is in Explicit VR Little Endian.

    Nearly all say it in the octets that we would write: those are compared where the head can be
    skimmed, which costs half of reading it.
    """

    def __init__(self, target: TargetResource) -> None:
        self._target = target
        self._reader = IdentityReader()
        self._said: dict[int, bytes] = {}
        if target.series_instance_uid is not None:
            self._said = {
                tags.STUDY_INSTANCE_UID: _value(target.study_instance_uid),
                tags.SERIES_INSTANCE_UID: _value(target.series_instance_uid),
            }

    async def find(self, instance: InstanceStream) -> InstanceStream | None:
        """Return the image, whole, where it is one of them, None where it is not.

        Raises:
            Mismatch: it is another than it was sent as.
            MalformedMessage: it does not say what it is.
        """
        target = self._target
        if target.sop_instance_uid not in {None, instance.sop_instance_uid}:
            return None
        first = await anext(instance.chunks, b"")
        whole = with_chunks_again(instance, [first])
        if self._says(first, instance):
            return whole
        identity, whole = await self._reader.read(whole)
        if identity.study_instance_uid != target.study_instance_uid:
            return None
        if target.series_instance_uid not in {None, identity.series_instance_uid}:
            return None
        if identity.sop_instance_uid != instance.sop_instance_uid:
            raise Mismatch("an image came under the SOP Instance UID of another")
        return whole

    def _says(self, first: bytes, instance: InstanceStream) -> bool:
        """Tell whether it does so in these octets; where it does not, another spelling may."""
        head = skim(first, tags.SERIES_INSTANCE_UID, _NAMES) if self._said else None
        if head is None:
            return False
        return head.values == {
            tags.SOP_INSTANCE_UID: _value(instance.sop_instance_uid),
            **self._said,
        }


def _value(uid: str) -> bytes:
    octets = uid.encode("ascii")
    return octets + b"\0" * (len(octets) % 2)
