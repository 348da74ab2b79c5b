"""The Native DICOM Model, read back as another reader of PS3.19 would."""

from lxml import etree

from drimbox.standards.dicomweb.native_xml import encode_multipart_xml, encode_native_xml

NS = {"d": "http://dicom.nema.org/PS3.19/models/NativeDICOM"}
ROW = {
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
    "00090010": {"vr": "LO", "Value": ["DRIMBOX TEST"]},
    "00091001": {"vr": "OB", "InlineBinary": "AAE="},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "PÂQUERETTE^ZOÉ^^DR", "Phonetic": "PA^ZO"}]},
    "00100020": {"vr": "LO"},
    "00181114": {"vr": "DS", "Value": [1.5, None, 2]},
    "00101002": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO", "Value": ["A\x01&B"]}}, {}]},
    "7FE00010": {"vr": "OW", "BulkDataURI": "https://box/x?a=1&b=2"},
}


def texts(model: etree._Element, path: str) -> list[str]:
    found = model.xpath(path, namespaces=NS)
    assert isinstance(found, list)
    return [str(one) for one in found]


def test_every_kind_of_value_has_its_element() -> None:
    model = etree.fromstring(encode_native_xml(ROW))  # our own octets
    attribute = "/d:NativeDicomModel/d:DicomAttribute"
    assert texts(model, f"{attribute}/@tag") == [t.replace("00091001", "00090001") for t in ROW]
    assert texts(model, f"{attribute}[@keyword='SOPInstanceUID']/d:Value/text()") == ["1.2.3"]
    assert texts(model, f"{attribute}[@tag='00090001']/@privateCreator") == ["DRIMBOX TEST"]
    assert texts(model, f"{attribute}[@tag='00090001']/d:InlineBinary/text()") == ["AAE="]
    name = f"{attribute}[@vr='PN']/d:PersonName[@number='1']"
    assert texts(model, f"{name}/d:Alphabetic/d:FamilyName/text()") == ["PÂQUERETTE"]
    assert texts(model, f"{name}/d:Alphabetic/d:NamePrefix/text()") == ["DR"]
    assert texts(model, f"{name}/d:Phonetic/d:GivenName/text()") == ["ZO"]
    assert texts(model, f"{attribute}[@tag='00181114']/d:Value/@number") == ["1", "2", "3"]
    assert texts(model, f"{attribute}[@tag='00181114']/d:Value/text()") == ["1.5", "2"]
    item = f"{attribute}[@vr='SQ']/d:Item[@number='1']/d:DicomAttribute/d:Value/text()"
    assert texts(model, item) == ["A\ufffd&B"]
    assert texts(model, f"{attribute}/d:BulkData/@uri") == ["https://box/x?a=1&b=2"]
    assert not texts(model, f"{attribute}[@tag='00100020']/*")


def test_data_sets_are_parts_of_one_message() -> None:
    octets, media_type = encode_multipart_xml([ROW, {}])
    assert media_type.startswith('multipart/related; type="application/dicom+xml"; boundary=')
    boundary = media_type.partition("boundary=")[2].encode()
    *parts, end = octets.split(b"--" + boundary)[1:]
    assert end == b"--\r\n"
    assert [p.split(b"\r\n\r\n")[0] for p in parts] == [
        b"\r\nContent-Type: application/dicom+xml"
    ] * 2
