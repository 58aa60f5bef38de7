"""Sample texts for the trial of a model that comes without texts: feedback as people write it."""

import pyarrow as pa

_SENTENCES = (
    "The parcel came two days early and nothing was broken.",
    "I waited forty minutes on the phone, and then the line went dead.",
    "Good value.",
    "The new app logs me out every time I switch to my mail.",
    "Staff at the front desk were friendly, but nobody could tell us when breakfast was.",
    "Still no refund, and that is the third time I ask for it!",
    "It does what it says; the cable could be a little longer.",
    "My order arrived without the charger that the box has printed on it.",
    "Would buy again",
    (
        "The driver left everything in the rain in front of the wrong door, although I had written "
        "where to put it."
    ),
    "Since the last update the battery is empty by noon.",
    (
        "We were given a smaller room than the one we had booked and paid for, and the radiator "
        "knocked all night long."
    ),
    "Your colleague in the chat solved it within five minutes, thank you.",
    "Too expensive for what you get.",
    "The size chart is wrong: a medium here is what others call small.",
    "I like the colour, my wife does not.",
    "Delivery was fine, the invoice was not, and to have it corrected took four mails.",
    "Works.",
    (
        "The instructions are only in a language that I do not read, and the pictures show another "
        "model."
    ),
    "After a year of daily use the handle came off, which a tube of glue has mended.",
    "Could you please let me pay by invoice again, as it used to be possible?",
    "Very soft, very warm, and it survived the washing machine.",
    "The site says in stock, the mail says four weeks, and the hotline says it does not know.",
    "Everything as described, quick, well packed.",
)


def sample_texts() -> pa.StringArray:
    """Return every sentence followed by every other one, 552 texts of one to forty words."""
    pairs = [
        f"{first} {second}" for first in _SENTENCES for second in _SENTENCES if first != second
    ]
    return pa.array(pairs, pa.string())
