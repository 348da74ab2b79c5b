"""The studies of the demo. Two of the Source's have a report that nobody has sent yet."""

from datetime import datetime, timedelta

from drimbox.sandbox.patients import identities, procedures
from drimbox.sandbox.patients.scenario import Holder, ReportText, ScenarioStudy


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


CT_OF_LUCIE = ScenarioStudy(
    key="lucie-ct-chest-abdomen",
    patient=identities.LUCIE,
    procedure=procedures.CT_CHEST_ABDOMEN,
    holder=Holder.SOURCE,
    number=101,
    started_at=_at("2026-09-14T10:15:00+02:00"),
    duration=timedelta(minutes=12),
    is_published=True,
    report=ReportText(
        indication="Altération de l'état général, perte de 6 kg en trois mois.",
        technique="Acquisition hélicoïdale de l'apex pulmonaire aux crêtes iliaques, au temps "
        "portal, après injection de 90 mL de produit de contraste iodé.",
        findings="Nodule plein du lobe supérieur droit de 14 mm. Pas d'adénopathie médiastinale "
        "de taille significative. Foie de contours réguliers, kyste simple du segment IV. "
        "Rate, pancréas, surrénales et reins sans particularité. Pas d'épanchement.",
        conclusion="Nodule pulmonaire du lobe supérieur droit de 14 mm, à explorer par TEP-TDM. "
        "Kyste hépatique simple.",
        is_structured=True,
    ),
)
RADIOGRAPH_OF_LUCIE = ScenarioStudy(
    key="lucie-chest-radiograph",
    patient=identities.LUCIE,
    procedure=procedures.CHEST_RADIOGRAPH,
    holder=Holder.SOURCE,
    number=102,
    started_at=_at("2026-09-02T09:05:00+02:00"),
    duration=timedelta(minutes=5),
    is_published=True,
    has_nodule=True,
    report=ReportText(
        indication="Toux persistante.",
        technique="Cliché de face, debout, en inspiration.",
        findings="Opacité ronde de 15 mm environ, projetée sur le champ pulmonaire supérieur "
        "droit. Silhouette cardiaque de taille normale. Culs-de-sac pleuraux libres.",
        conclusion="Opacité ronde du champ pulmonaire supérieur droit : scanner conseillé.",
    ),
)
MR_OF_ANGE = ScenarioStudy(
    key="ange-mr-brain",
    patient=identities.ANGE,
    procedure=procedures.MR_BRAIN,
    holder=Holder.SOURCE,
    number=103,
    started_at=_at("2026-08-21T14:30:00+02:00"),
    duration=timedelta(minutes=25),
    is_published=True,
    report=ReportText(
        indication="Céphalées récentes, troubles de la mémoire.",
        technique="Séquences axiales T1, T2 et FLAIR.",
        findings="Quelques hypersignaux FLAIR de la substance blanche périventriculaire. "
        "Système ventriculaire de taille normale pour l'âge, structures médianes en place. "
        "Pas de lésion expansive.",
        conclusion="Leucopathie vasculaire débutante. Pas de processus expansif.",
    ),
)
MAMMOGRAPHY_OF_ANNE_SOPHIE = ScenarioStudy(
    key="anne-sophie-mammography",
    patient=identities.ANNE_SOPHIE,
    procedure=procedures.MAMMOGRAPHY,
    holder=Holder.SOURCE,
    number=104,
    started_at=_at("2026-06-10T08:40:00+02:00"),
    duration=timedelta(minutes=15),
    is_published=True,
    report=ReportText(
        indication="Dépistage organisé.",
        technique="Incidences crânio-caudales et médio-latérales obliques des deux seins.",
        findings="Seins de densité b. Microcalcifications groupées du quadrant supéro-externe "
        "gauche. Pas de masse. Revêtement cutané régulier.",
        conclusion="ACR 4 à gauche : foyer de microcalcifications, biopsie conseillée. ACR 1 à "
        "droite.",
    ),
)
PET_CT_OF_MAMADOU = ScenarioStudy(
    key="mamadou-pet-ct",
    patient=identities.MAMADOU,
    procedure=procedures.PET_CT,
    holder=Holder.SOURCE,
    number=105,
    started_at=_at("2026-10-05T11:00:00+02:00"),
    duration=timedelta(minutes=35),
    is_published=True,
    report=ReportText(
        indication="Bilan d'extension d'un nodule pulmonaire gauche.",
        technique="Injection de 245 MBq de 18F-FDG. Acquisition à 60 minutes, de la base du "
        "crâne à mi-cuisse, couplée à un scanner sans injection.",
        findings="Fixation intense du nodule pulmonaire gauche (SUVmax 9,8) et d'une adénopathie "
        "hilaire homolatérale. Fixations physiologiques cérébrale, cardiaque et urinaire.",
        conclusion="Nodule pulmonaire gauche hypermétabolique avec adénopathie hilaire. Pas de "
        "lésion à distance.",
    ),
)
ULTRASOUND_OF_CAMILLE = ScenarioStudy(
    key="camille-cardiac-ultrasound",
    patient=identities.CAMILLE,
    procedure=procedures.CARDIAC_ULTRASOUND,
    holder=Holder.SOURCE,
    number=106,
    started_at=_at("2026-07-03T16:20:00+02:00"),
    duration=timedelta(minutes=20),
    is_published=True,
    report=ReportText(
        indication="Souffle systolique.",
        technique="Voie transthoracique, coupe apicale des quatre cavités.",
        findings="Ventricule gauche de taille normale, fraction d'éjection à 62 %. Valves fines. "
        "Péricarde sec.",
        conclusion="Échographie cardiaque normale : souffle fonctionnel.",
    ),
)
BONE_SCAN_OF_MARIA = ScenarioStudy(
    key="maria-bone-scan",
    patient=identities.MARIA,
    procedure=procedures.BONE_SCAN,
    holder=Holder.SOURCE,
    number=107,
    started_at=_at("2026-02-18T13:10:00+01:00"),
    duration=timedelta(minutes=30),
    is_published=True,
    report=ReportText(
        indication="Douleurs costales.",
        technique="Balayage du corps entier en incidences antérieure et postérieure, trois "
        "heures après injection de 650 MBq de HMDP marqué au technétium 99m.",
        findings="Foyer d'hyperfixation de l'arc moyen de la septième côte gauche. Fixation "
        "dégénérative des genoux.",
        conclusion="Foyer costal gauche isolé, évocateur d'une fracture récente.",
    ),
)
RADIOGRAPH_OF_NOE = ScenarioStudy(
    key="noe-chest-radiograph",
    patient=identities.NOE,
    procedure=procedures.CHEST_RADIOGRAPH,
    holder=Holder.SOURCE,
    number=108,
    started_at=_at("2026-11-12T18:45:00+01:00"),
    duration=timedelta(minutes=5),
    report=ReportText(
        indication="Fièvre et toux.",
        technique="Cliché de face, debout.",
        findings="Parenchyme pulmonaire sans foyer systématisé. Cœur de taille normale.",
        conclusion="Radiographie du thorax sans anomalie.",
    ),
)
CT_OF_PAUL = ScenarioStudy(
    key="paul-ct-chest",
    patient=identities.PAUL,
    procedure=procedures.CT_CHEST_LOW_DOSE,
    holder=Holder.SOURCE,
    number=109,
    started_at=_at("2026-11-16T08:30:00+01:00"),
    duration=timedelta(minutes=6),
    report=ReportText(
        indication="Surveillance d'un ancien fumeur.",
        technique="Acquisition à faible dose, sans injection.",
        findings="Emphysème discret des sommets. Micronodule calcifié du lobe inférieur gauche.",
        conclusion="Pas de nodule suspect. Contrôle à un an.",
    ),
)
OLDER_RADIOGRAPH_OF_LUCIE = ScenarioStudy(
    key="lucie-older-chest-radiograph",
    patient=identities.LUCIE,
    procedure=procedures.CHEST_RADIOGRAPH,
    holder=Holder.CONSUMER,
    number=201,
    started_at=_at("2024-03-19T10:00:00+01:00"),
    duration=timedelta(minutes=5),
)
RADIOGRAPH_OF_ANGE = ScenarioStudy(
    key="ange-chest-radiograph",
    patient=identities.ANGE,
    procedure=procedures.CHEST_RADIOGRAPH,
    holder=Holder.CONSUMER,
    number=202,
    started_at=_at("2025-05-27T15:15:00+02:00"),
    duration=timedelta(minutes=5),
)

STUDIES = (
    CT_OF_LUCIE,
    RADIOGRAPH_OF_LUCIE,
    MR_OF_ANGE,
    MAMMOGRAPHY_OF_ANNE_SOPHIE,
    PET_CT_OF_MAMADOU,
    ULTRASOUND_OF_CAMILLE,
    BONE_SCAN_OF_MARIA,
    RADIOGRAPH_OF_NOE,
    CT_OF_PAUL,
    OLDER_RADIOGRAPH_OF_LUCIE,
    RADIOGRAPH_OF_ANGE,
)


def studies_held_by(holder: Holder) -> tuple[ScenarioStudy, ...]:
    """Return the studies of one PACS, in the order of STUDIES."""
    return tuple(study for study in STUDIES if study.holder is holder)
