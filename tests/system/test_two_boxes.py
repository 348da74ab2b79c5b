"""Images through both boxes, to the last pixel; whom the Source refuses."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset, dcmread
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from tests.system.demo_session import DemoSession
from tests.system.peer_call import ACCEPT_AS_STORED, PeerCall

from drimbox.sandbox.network.addresses import SOURCE_DB
from drimbox.sandbox.network.box_settings import SOURCE_AE_TITLE
from drimbox.sandbox.patients.professionals import (
    REFERRING_PHYSICIAN,
    SECRETARY,
    SandboxProfessional,
)
from drimbox.sandbox.patients.scenario import Holder, ScenarioStudy
from drimbox.sandbox.patients.studies import CT_OF_LUCIE, MR_OF_ANGE, STUDIES
from drimbox.sandbox.trusted_space.pki import TestPki, organisation_name

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]

PUBLISHED = [pytest.param(study, id=study.key) for study in STUDIES if study.is_published]
AS_STORED = (("application/dicom", "*"),)
# What a decoded image says otherwise than the encoded one (PS3.5 8.2).
DESCRIBE_THE_ENCODING = ("PixelData", "PhotometricInterpretation", "PlanarConfiguration")
DCMTK_DECODERS = {
    JPEGBaseline8Bit: "dcmdjpeg",
    JPEGLosslessSV1: "dcmdjpeg",
    JPEGLSLossless: "dcmdjpls",
}


def dicomweb_client(demo: DemoSession, token: str) -> DICOMwebClient:
    url = demo.descriptor["consumer"]["dicomweb_url"]
    return DICOMwebClient(url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def stored_objects(demo: DemoSession, study: ScenarioStudy) -> dict[str, Dataset]:
    """Return what the PACS was given, by SOP Instance UID."""
    files = (demo.running.folder / f"pacs-{study.holder.value}").rglob("*.dcm")
    objects = (dcmread(path) for path in files)
    uid = study.study_instance_uid
    return {str(ds.SOPInstanceUID): ds for ds in objects if ds.StudyInstanceUID == uid}


@pytest.mark.requirement("FA.3")
@pytest.mark.requirement("SO.39")
@pytest.mark.requirement("SO.41")
@pytest.mark.parametrize("study", PUBLISHED)
async def test_dicomweb_client_retrieves_each_study_to_the_last_octet_of_pixels(
    demo: DemoSession, study: ScenarioStudy, tmp_path: Path
) -> None:
    client = dicomweb_client(demo, await demo.context_token(study.patient))
    stored = await asyncio.to_thread(stored_objects, demo, study)
    received = await asyncio.to_thread(
        client.retrieve_study, study.study_instance_uid, media_types=AS_STORED
    )
    assert {str(ds.SOPInstanceUID) for ds in received} == set(stored)
    ins = study.patient.traits.ins.value
    for ds in received:
        expected = stored[str(ds.SOPInstanceUID)]
        # RLE is no syntax that boxes name to each other: the Source sends another, lossless.
        is_transcoded = expected.file_meta.TransferSyntaxUID == RLELossless
        assert_same_attributes(ds, expected, *(("PixelData",) if is_transcoded else ()))
        if is_transcoded:
            pixels = await asyncio.to_thread(decoded_by_others, ds, tmp_path)
            np.testing.assert_array_equal(pixels, expected.pixel_array)
        assert ds.file_meta.TransferSyntaxUID != ImplicitVRLittleEndian
        assert ins in [other.PatientID for other in ds.OtherPatientIDsSequence]


def assert_same_attributes(received: Dataset, stored: Dataset, *changed: str) -> None:
    for element in stored:
        if element.keyword not in {"OtherPatientIDsSequence", *changed}:
            assert received[element.tag].value == element.value, element.keyword


@pytest.mark.requirement("CO.73")
@pytest.mark.parametrize("study", PUBLISHED)
async def test_who_names_no_transfer_syntax_gets_the_same_pixels_decoded(
    demo: DemoSession, study: ScenarioStudy, tmp_path: Path
) -> None:
    """PS3.18 8.7.3.5.2: the default is Explicit VR Little Endian; dcmtk and pydicom are judges."""
    client = dicomweb_client(demo, await demo.context_token(study.patient))
    stored = await asyncio.to_thread(stored_objects, demo, study)
    images = sorted(uid for uid, ds in stored.items() if "PixelData" in ds)
    for uid in {images[0], images[len(images) // 2], images[-1]}:
        expected = stored[uid]
        received = await asyncio.to_thread(
            client.retrieve_instance,
            study.study_instance_uid,
            str(expected.SeriesInstanceUID),
            uid,
            media_types=("application/dicom",),
        )
        assert received.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert_same_attributes(received, expected, *DESCRIBE_THE_ENCODING)
        pixels = await asyncio.to_thread(decoded_by_others, expected, tmp_path)
        difference = received.pixel_array.astype(np.int32) - pixels.astype(np.int32)
        # Two JPEG decoders may differ by one (ITU-T T.83 3.3); nothing else may differ at all.
        tolerance = 1 if expected.file_meta.TransferSyntaxUID == JPEGBaseline8Bit else 0
        assert np.abs(difference).max() <= tolerance


def decoded_by_others(ds: Dataset, folder: Path) -> np.ndarray[Any, Any]:
    """Decode without the product's decoders."""
    command = DCMTK_DECODERS.get(str(ds.file_meta.TransferSyntaxUID))
    if command is None:
        return ds.pixel_array
    if shutil.which(command) is None:
        pytest.skip(f"no {command} here (apt-get install dcmtk)")
    encoded, decoded = folder / "encoded.dcm", folder / "decoded.dcm"
    ds.save_as(encoded)
    subprocess.run([command, encoded, decoded], check=True, capture_output=True)
    return dcmread(decoded).pixel_array


async def status_of(demo: DemoSession, call: PeerCall) -> int:
    url = f"{demo.descriptor['source']['peer_url']}/studies/{call.study}"
    connector = aiohttp.TCPConnector(ssl=call.tls)
    async with (
        aiohttp.ClientSession(connector=connector, trust_env=False) as session,
        session.get(url, headers=call.headers, server_hostname=SOURCE_DB) as answer,
    ):
        await answer.read()
        return answer.status


@asynccontextmanager
async def without_pacs(demo: DemoSession) -> AsyncIterator[None]:
    """Stop the Source's PACS, and start it again."""
    pacs = demo.running.pacs[Holder.SOURCE]
    await pacs.stop()
    try:
        yield
    finally:
        port = demo.running.addresses.source_dicom
        await pacs.start([(SOURCE_AE_TITLE, pacs.address.box_host, port)])


def stranger(demo: DemoSession, pki: TestPki) -> ssl.SSLContext:
    """Return TLS with a good certificate of an establishment that is not on the white list."""
    subject = organisation_name(
        "db9.test.mesimagesmedicales.fr", structure="399900099900019", organisation="AILLEURS"
    )
    issued = pki.issue_client("stranger", subject)
    context = demo.peer_context(has_certificate=False)
    context.load_cert_chain(issued.certificate_file, issued.key_file)
    return context


@pytest.mark.requirement("SO.33")
@pytest.mark.requirement("SO.34")
@pytest.mark.requirement("SO.37")
@pytest.mark.requirement("EC-2")
async def test_the_source_refuses_in_the_published_order(demo: DemoSession) -> None:
    """Everything is wrong at first; each line puts one thing right, and the next one shows."""
    demo.forget_images("source")
    kos = demo.running.kos
    token, secretary = (
        await demo.professional_token(REFERRING_PHYSICIAN),
        await demo.professional_token(SECRETARY),
    )
    call = PeerCall(demo.peer_context(has_certificate=False))
    async with without_pacs(demo):
        with pytest.raises((aiohttp.ClientError, ssl.SSLError, OSError)):
            await status_of(demo, call)
        call = replace(call, tls=stranger(demo, demo.running.keys.pki))
        assert await status_of(demo, call) == 403, "not on the white list"
        call = replace(call, tls=demo.peer_context())
        assert await status_of(demo, call) == 401, "no token"
        for bad in ("opaque-and-unknown", "eyJhbGciOiJub25lIn0.e30.", token[:-8] + "AAAAAAAA"):
            call = replace(call, token=bad)
            assert await status_of(demo, call) == 401, "bad token"
        call = replace(call, token=secretary)
        assert await status_of(demo, call) == 403, "a profession that may not see images"
        call = replace(call, token=token)
        assert await status_of(demo, call) == 400, "no KOS"
        call = replace(call, kos="1.2.250.1.999.404")
        assert await status_of(demo, call) == 404, "no KOS of ours"
        call = replace(call, kos=kos[CT_OF_LUCIE.key])
        assert await status_of(demo, call) == 404, "a KOS of another study"
        call = replace(call, study=MR_OF_ANGE.study_instance_uid)
        assert await status_of(demo, call) == 404, "a KOS of another study"
        call = replace(call, study=CT_OF_LUCIE.study_instance_uid)
        assert await status_of(demo, call) == 406, "nothing acceptable"
        call = replace(call, accept='multipart/related; type="application/dicom"')
        assert await status_of(demo, call) == 503, "the PACS is away"
    assert await status_of(demo, call) == 200


@pytest.mark.requirement("SO.103")
async def test_a_peer_learns_without_token_that_the_source_lives(demo: DemoSession) -> None:
    root = demo.descriptor["source"]["peer_url"]
    connector = aiohttp.TCPConnector(ssl=demo.peer_context())
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        for method, url in (
            ("OPTIONS", f"{root}/"),
            ("GET", root),
            ("GET", root.replace("/dicom-web", "/health/live")),
            ("GET", root.replace("/dicom-web", "/health/ready")),
            ("GET", root.replace("/dicom-web", "/meteo")),
        ):
            async with session.request(method, url, server_hostname=SOURCE_DB) as answer:
                assert answer.status == 200, url


@pytest.mark.requirement("SO.34")
@pytest.mark.parametrize(("professional", "status"), [(REFERRING_PHYSICIAN, 200), (SECRETARY, 403)])
async def test_a_profession_sees_images_or_does_not(
    demo: DemoSession, professional: SandboxProfessional, status: int
) -> None:
    call = PeerCall(
        demo.peer_context(),
        await demo.professional_token(professional),
        demo.running.kos[MR_OF_ANGE.key],
        MR_OF_ANGE.study_instance_uid,
        ACCEPT_AS_STORED,
    )
    assert await status_of(demo, call) == status
