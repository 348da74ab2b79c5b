"""Who made something, as a search finds them: by name, or by an identifier (MHD)."""

from collections.abc import Callable, Iterable, Iterator

from drimbox.model.document_entry import Author
from drimbox.model.practice import Practitioner
from drimbox.standards.fhir.code_systems import uri_of
from drimbox.standards.fhir.search_parameters import Kind, Record, SearchParameter
from drimbox.standards.fhir.search_values import Reference, Token, identifier_token


def people_of(authors: Iterable[Author]) -> Iterator[Practitioner]:
    """Return the persons among authors."""
    for author in authors:
        if author.person is not None:
            yield author.person


def person_tokens(authors: Iterable[Author]) -> Iterator[Token]:
    """Return the identifiers of the persons among authors."""
    for person in people_of(authors):
        if person.identifier:
            yield identifier_token(uri_of(person.authority), person.identifier)


def author_parameter(
    name: str,
    description: str,
    authors_of: Callable[[Record], Iterable[Author]],
    references: Callable[[Record], Iterable[Reference]],
    tokens: Callable[[Record], Iterable[Token]],
) -> SearchParameter[Record]:
    """Return a reference to contained authors, chained by what a client may know of them."""
    return SearchParameter(
        name,
        Kind.REFERENCE,
        references,
        description,
        chained={
            "given": SearchParameter(
                f"{name}.given",
                Kind.STRING,
                lambda record: (p.given_name for p in people_of(authors_of(record))),
            ),
            "family": SearchParameter(
                f"{name}.family",
                Kind.STRING,
                lambda record: (p.family_name for p in people_of(authors_of(record))),
            ),
            "identifier": SearchParameter(
                f"{name}.identifier", Kind.TOKEN, tokens, is_identifier=True
            ),
        },
    )
