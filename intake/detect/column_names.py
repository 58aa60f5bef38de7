"""Usual names of the text column and the id column of an export, in twelve languages."""

import re
import unicodedata

# Words for a text that a customer wrote, by language. A dotted i stands for a dotless one, too.
_TEXT_WORDS = """
text texts feedback feedbacks comment comments review reviews response responses answer answers
message messages body content verbatim verbatims tweet tweets remark remarks opinion opinions
kommentar kommentare freitext freitexte rückmeldung rückmeldungen bemerkung bemerkungen anmerkung
anmerkungen meinung meinungen antwort antworten rezension rezensionen nachricht nachrichten
commentaire commentaires avis réponse réponses texte textes remarque remarques
comentario comentarios opinión opiniones respuesta respuestas texto textos reseña reseñas mensaje
mensajes observación observaciones
commento commenti recensione recensioni risposta risposte testo testi opinione opinioni messaggio
messaggi osservazione osservazioni
comentário comentários opinião opiniões resposta respostas mensagem mensagens observação observações
opmerking opmerkingen reactie reacties antwoord antwoorden tekst teksten recensie recensies
toelichting
komentarz komentarze opinia opinie odpowiedź odpowiedzi wiadomość wiadomości uwaga uwagi recenzja
recenzje
комментарий комментарии отзыв отзывы ответ ответы текст тексты сообщение сообщения мнение мнения
yorum yorumu yorumlar yorumunuz metin metinler cevap cevabi cevaplar yanit yaniti yanitlar görüş
görüşü görüşler görüşünüz mesaj mesajlar
コメント 感想 ご感想 意見 ご意見 自由記述 自由回答 回答 本文 口コミ レビュー テキスト
评论 評論 评价 評價 意见 反馈 回饋 反饋 回复 回覆 留言 内容 內容 文本
"""
# They may stand before or after such a word: customer_feedback, Open-ended response, votre avis.
_TEXT_QUALIFIERS = """
customer client user guest survey open ended free full raw original product the your
kunden offene freie ihr ihre du de la le votre libre libres ouverte ouvertes
del cliente clientes su tu abierta abiertas seu sua aberta iltuo aperta libera
klant klanten open uw klienta twoja otwarta ваш ваши клиента клиентов müşteri açik uçlu
お客様 お客様の 用户 客户 用戶 客戶 顧客
"""
_ID_WORDS = "id uuid guid identifier kennung identifiant identificador identificativo идентификатор"
# What the id of a row may be named after. Not customer or product: those repeat from row to row.
_ROW_WORDS = """
survey feedback response review ticket comment message answer tweet row record entry submission
respondent
antwort kommentar bewertung rückmeldung vorgang vorgangs datensatz zeilen commentaire réponse ligne
comentario respuesta fila commento risposta riga comentário resposta linha opmerking antwoord
reactie rij komentarz komentarza odpowiedzi wiersza opinii отзыва ответа строки комментария yorum
yanit satir
评论 回复 反馈 回答
"""
# Words for a running number: the id where no column has a name for an id.
_NUMBER_WORDS = """
nr nummer numéro número numero numer lfdnr laufendenummer номер numara sirano
番号 编号 編號 序号 序號
"""
_NUMBER_SIGNS = frozenset({"no.", "nº", "n°", "nº.", "n°.", "№", "#"})


def normalize_name(column: str) -> str:
    """Return a name by which spellings compare: no capitals, accents, spaces, "_", "-", "." or ":".

    >>> normalize_name("Rück-Meldung: ")
    'ruckmeldung'
    """
    dotted = column.casefold().replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")
    decomposed = unicodedata.normalize("NFD", dotted)
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return re.sub(r"[\s_\-.:・]+", "", letters)


def _one_of(words: str) -> str:
    names = sorted(map(normalize_name, words.split()), key=len, reverse=True)
    return f"(?:{'|'.join(map(re.escape, names))})"


_TEXT, _QUALIFIER = _one_of(_TEXT_WORDS), _one_of(_TEXT_QUALIFIERS)
_ROW, _NUMBER = _one_of(_ROW_WORDS), _one_of(_NUMBER_WORDS)
_CONNECTOR = "(?:de|da|do|del|du|della|di|van)?"

# The better kind of name first: a column with a worse one counts only where none has a better.
TEXT_NAMES = (
    re.compile(_TEXT),
    re.compile(f"{_QUALIFIER}*{_TEXT}(?:{_TEXT}|{_QUALIFIER})*"),
)
ID_NAMES = (
    re.compile("id"),
    re.compile(f"{_ROW}*{_one_of(_ID_WORDS)}|{_one_of(_ID_WORDS)}{_CONNECTOR}{_ROW}"),
    re.compile(f"{_ROW}*{_NUMBER}|{_NUMBER}{_CONNECTOR}{_ROW}"),
)


def is_usual_text(column: str) -> bool:
    """Return True if the name is usual for the column of the texts."""
    return TEXT_NAMES[-1].fullmatch(normalize_name(column)) is not None


def is_usual_id(column: str) -> bool:
    """Return True if the name is usual for the column of the ids."""
    return is_number_sign(column) or any(
        names.fullmatch(normalize_name(column)) for names in ID_NAMES
    )


def is_number_sign(column: str) -> bool:
    """Return True for a sign that stands for a running number, such as № or "No."."""
    return column.strip().casefold() in _NUMBER_SIGNS
