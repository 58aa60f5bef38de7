"""Which words may begin a docstring.

A function's docstring begins with an imperative verb. No dictionary is at hand, so words of other
classes are refused: by lists, and by their endings. A noun that is missing here passes.
"""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words("a an the")
PRONOUNS = _words(
    """
    everybody everyone everything he her his i it its itself my nobody nothing our she somebody
    something that their them these they this those we whoever you your
    """
)
QUESTION_WORDS = _words("how what when where whether which who whom whose why")
PREPOSITIONS = _words(
    """
    about above according across after against along among around as at before behind below
    beneath beside between beyond by down during for from in inside into near of off on onto out
    outside over per since than through throughout till to toward towards under until up upon
    with within without
    """
)
CONJUNCTIONS_AND_ADVERBS = _words(
    """
    again all already also although always and another any are back because both but can cannot
    each either else enough even every few first further here if is last less many may more most
    much must never next no none not now one only or other should so some still then there
    though true two unless was while will yes yet
    """
)
NOUNS = _words(
    """
    alias arrow body byte cell chunk column comparison customer dataset error feedback folder id
    identity item job json key kind logit member message metric milliseconds model name
    neighbour number parquet part position probability reason row second side softmax storage
    string text thread time token tuple version worker
    """
)
ADJECTIVES = _words("false new old whole")
PARTICIPLES = _words("built done given held kept left lost made sent taken told")

NO_NOUN_PHRASE = PRONOUNS | QUESTION_WORDS | PREPOSITIONS
NO_VERB = NO_NOUN_PHRASE | ARTICLES | CONJUNCTIONS_AND_ADVERBS | NOUNS | ADJECTIVES | PARTICIPLES

VERBS_LIKE_PARTICIPLES = _words("bring embed exceed feed need ping proceed seed")
VERBS_ENDING_IN_S = _words("focus")


def first_word(docstring: str) -> str:
    """Return the first word without the punctuation that follows it."""
    words = docstring.split()
    return words[0].rstrip(".,:;!?") if words else ""


def is_imperative(word: str) -> bool:
    """Tell whether the word may be an imperative verb: "Return", but not "Returns" or "The"."""
    lower = word.lower()
    if not re.fullmatch(r"[a-z]+(-[a-z]+)?", lower) or lower in NO_VERB:
        return False
    if lower in VERBS_LIKE_PARTICIPLES | VERBS_ENDING_IN_S:
        return True
    return not re.search(r"(ing|ed|[^s]s)$", lower)


def begins_noun_phrase(word: str) -> bool:
    """Tell whether the word may begin the docstring of a class or property: "A", but not "What"."""
    return word.lower() not in NO_NOUN_PHRASE
