"""Pages for people: jinja2 templates, in French, escaped always, an unknown name is an error."""

from datetime import date, datetime, tzinfo
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from drimbox.entrypoints.http.problems import TITLES, problem_headers, problem_response, status_of
from drimbox.errors import DrimboxError, NotAuthenticated
from drimbox.model.imaging_codes import modality_label, region_label
from drimbox.model.patient import BirthDate, Gender, Ins, InsAuthority, PatientTraits

_HERE = Path(__file__).parent
STATIC_PATH = "/static"
_INS_GROUPS = ((0, 1), (1, 3), (3, 5), (5, 7), (7, 10), (10, 13), (13, 15))
_AUTHORITY_LABELS = {
    InsAuthority.NIR: "NIR",
    InsAuthority.NIA: "NIA",
    InsAuthority.NIR_TEST: "NIR de test",
    InsAuthority.NIR_DEMO: "NIR de démonstration",
}


class Pages:
    """Renders templates/; zone is the one that instants are worded in."""

    def __init__(self, zone: tzinfo) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            {
                "birth_date": birth_date_text,
                "born": born_text,
                "day": day_text,
                "gender": gender_text,
                "ins": ins_text,
                "ins_nature": ins_nature,
                "modality": modality_label,
                "region": region_label,
                "iso": datetime.isoformat,
                "local_time": partial(local_time_text, zone=zone),
            }
        )

    def render(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        content = self._environment.get_template(template).render(**values)
        return HTMLResponse(content, status, headers={"Cache-Control": "no-store"})

    def answer(self, request: Request, error: DrimboxError) -> Response:
        """Answer an error with a page where a browser asks for one, else with problem+json."""
        if wants_page(request):
            return self.refusal(request, error)
        return problem_response(request, error)

    def refusal(self, request: Request, error: DrimboxError) -> HTMLResponse:
        """Answer an error with a page that says what can be done, never what the caller sent."""
        del request
        status = status_of(error)
        response = self.render(
            "refusal.html",
            int(status),
            title=TITLES[status],
            sign_in_helps=isinstance(error, NotAuthenticated),
        )
        response.headers.update(problem_headers(error))
        return response


def static_files() -> ASGIApp:
    """Serve static/ (at STATIC_PATH): it may be kept, and is asked about again each time."""
    return _StaticFiles(directory=_HERE / "static")


class _StaticFiles(StaticFiles):
    def file_response(self, *arguments: object, **named: object) -> object:  # type: ignore[override]
        response = super().file_response(*arguments, **named)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def wants_page(request: Request) -> bool:
    """Tell whether a browser asks for a page: text/html stands in Accept, and not refused."""
    return accepts(request, "text/html")


def accepts(request: Request, media_type: str) -> bool:
    """Tell whether Accept names this very type with a quality above 0 (RFC 9110 12.5.1)."""
    for one in ",".join(request.headers.getlist("accept")).split(","):
        name, *parameters = (part.strip().lower() for part in one.split(";"))
        if name == media_type:
            return not any(
                p.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for p in parameters
            )
    return False


def birth_date_text(value: BirthDate) -> str:
    """JJ/MM/AAAA; what is unknown stays 00."""
    text = value.value
    return f"{text[6:]}/{text[4:6]}/{text[:4]}"


def born_text(value: PatientTraits) -> str:
    """Née le JJ/MM/AAAA."""
    word = "né" if value.gender is Gender.MALE else "née"
    return f"{word} le {birth_date_text(value.birth_date)}"


def day_text(value: date | None) -> str:
    return f"{value:%d/%m/%Y}" if value is not None else "Date inconnue"


def gender_text(value: Gender) -> str:
    return "Masculin" if value is Gender.MALE else "Féminin"


def ins_text(value: Ins) -> str:
    """Group the 15 characters as a carte Vitale does."""
    return " ".join(value.value[start:end] for start, end in _INS_GROUPS)


def ins_nature(value: Ins) -> str:
    return f"{_AUTHORITY_LABELS[value.authority]} ({value.authority.value})"


def local_time_text(value: datetime, *, zone: tzinfo) -> str:
    """Word an instant in the site's time; the page's script, in that of who is far from it."""
    return f"{value.astimezone(zone):%d/%m/%Y %H:%M}"
