"""The few pages a person sees at a sandbox provider, in French, plain and readable."""

from dataclasses import dataclass
from html import escape

_STYLE = """
body{margin:0;font:16px/1.5 system-ui,sans-serif;background:#f4f6fa;color:#1b2333}
header{background:#fff;border-bottom:3px solid ACCENT;padding:1rem 0}
header>div,main{max-width:44rem;margin:0 auto;padding:0 1.25rem}
header strong{font-size:1.15rem}
.note{color:#5b6475;font-size:.9rem;margin:.25rem 0 0}
h1{font-size:1.5rem;margin:2rem 0 .5rem}
ul{list-style:none;padding:0;margin:1.25rem 0}
li{margin:0 0 .75rem}
button{font:inherit;width:100%;text-align:left;background:#fff;border:1px solid #cfd6e4;
border-radius:.5rem;padding:.85rem 1rem;cursor:pointer;color:inherit}
button:hover,button:focus-visible{border-color:ACCENT;box-shadow:0 0 0 2px ACCENT33;outline:none}
button b{display:block}button span{color:#5b6475;font-size:.92rem}
button.quiet{width:auto;background:none;border:none;color:ACCENT;text-decoration:underline}
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """One person to sign in as: value of the form, name, one line about them."""

    value: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Look:
    """Name and colour of one provider."""

    service: str
    accent: str


def choice_page(look: Look, *, action: str, request_id: str, choices: list[Choice]) -> str:
    """Return the page that asks as whom to sign in."""
    items = "".join(_item(choice) for choice in choices)
    hidden = f'<input type="hidden" name="request" value="{escape(request_id)}">'
    return _page(
        look,
        "Se connecter",
        f'<p class="note">Identités fictives : choisissez avec laquelle vous connecter.</p>'
        f'<form method="post" action="{escape(action)}">{hidden}<ul>{items}</ul>'
        f'<button class="quiet" name="subject" value="">Annuler</button></form>',
    )


def message_page(look: Look, title: str, text: str) -> str:
    """Return a page with one message."""
    return _page(look, title, f"<p>{escape(text)}</p>")


def _item(choice: Choice) -> str:
    return (
        f'<li><button name="subject" value="{escape(choice.value)}">'
        f"<b>{escape(choice.name)}</b><span>{escape(choice.detail)}</span></button></li>"
    )


def _page(look: Look, title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)} - {escape(look.service)}</title>'
        f"<style>{_STYLE.replace('ACCENT', look.accent)}</style></head><body>"
        f"<header><div><strong>{escape(look.service)}</strong>"
        '<p class="note">Bac à sable : aucun service réel, aucune identité réelle.</p></div>'
        f"</header><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
