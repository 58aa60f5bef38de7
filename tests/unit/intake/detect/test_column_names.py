"""Usual names of columns in twelve languages."""

import pytest

from intake.detect.column_names import is_usual_id, is_usual_text, normalize_name


@pytest.mark.parametrize(
    "name",
    [
        "Open-ended response", "Open-Ended Response", "Verbatim", "Customer comment",
        "Kommentar", "Kundenkommentar", "Freitext-Antwort", "Ihre Meinung", "R\u00fcckmeldung",
        "Commentaire", "Commentaires libres", "votre avis", "R\u00c9PONSE", "Reponse",
        "Comentario", "Comentarios del cliente", "Opini\u00f3n", "Respuesta abierta",
        "Commento", "Recensione", "Il tuo commento", "Risposta aperta",
        "Coment\u00e1rio", "Sua opini\u00e3o", "Resposta aberta",
        "Opmerkingen", "Uw reactie", "Toelichting",
        "Komentarz", "Opinia klienta", "Uwagi", "Odpowied\u017a otwarta",
        "\u041a\u043e\u043c\u043c\u0435\u043d\u0442\u0430\u0440\u0438\u0439",
        "\u041e\u0442\u0437\u044b\u0432 \u043a\u043b\u0438\u0435\u043d\u0442\u0430",
        "Yorum", "M\u00fc\u015fteri yorumu", "A\u00e7\u0131k u\u00e7lu yan\u0131t",
        "\u30b3\u30e1\u30f3\u30c8", "\u3054\u610f\u898b\u30fb\u3054\u611f\u60f3",
        "\u81ea\u7531\u8a18\u8ff0",
        "\u8bc4\u8bba", "\u5ba2\u6237\u53cd\u9988", "\u8a55\u8ad6",
    ],
)  # fmt: skip
def test_usual_names_of_the_text_column_are_recognised_in_each_language(name: str) -> None:
    assert is_usual_text(name)


@pytest.mark.parametrize(
    "name",
    [
        "Nr", "Nr.", "Nummer", "N\u00ba", "N\u00b0", "\u2116", "No.", "#", "Lfd. Nr.",
        "Ticketnummer",
        "Antwort-ID", "Respondent ID", "num\u00e9ro", "Num\u00e9ro de ticket", "ID de respuesta",
        "Numero", "N\u00famero", "Numer", "\u041d\u043e\u043c\u0435\u0440", "Numara",
        "\u756a\u53f7", "\u7f16\u53f7", "\u8bc4\u8bbaID",
    ],
)  # fmt: skip
def test_usual_names_of_the_id_column_are_recognised_in_each_language(name: str) -> None:
    assert is_usual_id(name)


@pytest.mark.parametrize(
    "name",
    ["Antwortzeit", "Kommentardatum", "Anzahl Kommentare", "Bewertung", "date du commentaire",
     "context", "Textil", "Datum", ""],
)  # fmt: skip
def test_a_column_about_the_text_has_no_usual_name_of_a_text(name: str) -> None:
    assert not is_usual_text(name)


@pytest.mark.parametrize(
    "name",
    ["Kundennummer", "Telefonnummer", "no", "customer_id", "paid", "Nummernschild", "ID Kunde"],
)
def test_a_number_of_something_else_has_no_usual_name_of_an_id(name: str) -> None:
    assert not is_usual_id(name)


def test_names_compare_without_case_accents_and_separators() -> None:
    assert normalize_name(" R\u00fcck-Meldung_: ") == normalize_name("ruckmeldung")
    assert normalize_name("\u0130\u015eARET") == normalize_name("isaret")
