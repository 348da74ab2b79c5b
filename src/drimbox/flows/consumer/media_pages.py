"""INDEX.HTM and README.TXT of a medium (IHE PDI, RAD TF-2 4.47): what is on it, for people."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from drimbox.model.manifest import Manifest
from drimbox.model.patient import Gender, PatientTraits

_PAGE = """<!DOCTYPE html>
<html lang="fr">
<head><meta charset="utf-8"><title>Examens d'imagerie</title>
<style>body{{font-family:sans-serif;margin:2rem;max-width:60rem}}
table{{border-collapse:collapse}}td,th{{border:1px solid #bbb;padding:.3rem .6rem;text-align:left}}
</style></head>
<body>
<h1>Examens d'imagerie</h1>
<p>{patient}</p>
<p>Préparé le {made_on} par {institution}. Données de santé : ne les communiquez qu'aux personnes
autorisées.</p>
<table>
<tr><th>Date</th><th>Examen</th><th>Modalités</th><th>Établissement</th><th>Images</th></tr>
{rows}
</table>
<p>Les images sont au format DICOM dans le dossier <a href="DICOM/">DICOM</a> ; un logiciel de
visualisation les ouvre par le fichier <a href="DICOMDIR">DICOMDIR</a>.
Voir aussi <a href="README.TXT">README.TXT</a>.</p>
</body>
</html>
"""

_README = """EXAMENS D'IMAGERIE
==================

Ce dossier contient des images médicales au format DICOM, organisées selon le
profil IHE PDI (Portable Data for Imaging).

  INDEX.HTM   liste des examens, à ouvrir dans un navigateur
  DICOMDIR    répertoire DICOM, à ouvrir dans un logiciel de visualisation
  DICOM/      les images

Aucun logiciel de visualisation n'est joint : tout logiciel qui lit un DICOMDIR
(profil STD-GEN) convient, quel que soit le système.

Préparé le {made_on}
  par     {institution}, à qui s'adresser pour toute question
{contact}  avec    {software}, une DRIMbox

Il contient des données de santé : ne le communiquez qu'aux personnes autorisées.
"""


def index_page(
    patient: PatientTraits, studies: Iterable[Manifest], creator: "MediaCreator", made_on: str
) -> bytes:
    """Return INDEX.HTM: whose exams, who made it, what is on it."""
    birth = patient.birth_date.value
    born = f"{birth[6:8]}/{birth[4:6]}/{birth[:4]}"
    word = "né" if patient.gender is Gender.MALE else "née"
    who = f"{patient.family_name} {patient.given_name}, {word} le {born}"
    rows = "\n".join(_row(study) for study in studies)
    return _PAGE.format(
        patient=escape(who), institution=escape(creator.institution), made_on=made_on, rows=rows
    ).encode()


@dataclass(frozen=True, slots=True)
class MediaCreator:
    """Who made a medium: the institution, how it is reached, the software with its version."""

    institution: str
    software: str
    contact: str = ""


def readme(creator: MediaCreator, made_on: str) -> bytes:
    """Return README.TXT: who made it, with what, how it is laid out; line ends of every system."""
    text = _README.format(
        software=creator.software,
        institution=creator.institution,
        contact=f"          {creator.contact}\n" if creator.contact else "",
        made_on=made_on,
    )
    return text.replace("\n", "\r\n").encode()


def _row(study: Manifest) -> str:
    date = study.study_date.strftime("%d/%m/%Y") if study.study_date else ""
    cells = (
        date,
        study.study_description or study.act_display,
        ", ".join(study.modalities),
        study.institution_name,
        str(study.instance_count),
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
