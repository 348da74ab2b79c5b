"""Whether an image is one of those that were asked for: by its UIDs, read at its head as it passes.

A PACS may send what it was not asked for. The INS of one patient is put into each image that leaves
this box, so that nobody behind it could tell any more.
"""

from drimbox.errors import Mismatch
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import ascii_element
from drimbox.standards.dicom.data_set_encoding import encode_element
from drimbox.standards.dicom.patient_identifiers import IdentityReader, with_chunks_again

_LOOKED_THROUGH = 16 * 1024


class AskedFor:
    """Compares image after image with what was asked for; each is in Explicit VR Little Endian.

    Nearly all say it in the same octets, which are looked for first: that costs a quarter of going
    through a head. Study and Series Instance UID follow each other there, as in no sequence.
    """

    def __init__(self, target: TargetResource) -> None:
        self._target = target
        self._reader = IdentityReader()
        study, series = target.study_instance_uid, target.series_instance_uid
        self._said = b""
        if series is not None:
            self._said = _uid(tags.STUDY_INSTANCE_UID, study) + _uid(
                tags.SERIES_INSTANCE_UID, series
            )

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
        """Tell whether the octets are there; where they are not, another spelling may be."""
        if not self._said or first.find(self._said, 0, _LOOKED_THROUGH) < 0:
            return False
        name = _uid(tags.SOP_INSTANCE_UID, instance.sop_instance_uid)
        return first.find(name, 0, _LOOKED_THROUGH) >= 0


def _uid(tag: int, uid: str) -> bytes:
    return encode_element(tag, ascii_element("UI", uid))
