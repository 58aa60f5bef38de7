r"""Escape control characters and invisible characters of what comes from outside.

A terminal obeys control characters: ESC starts commands that move the cursor or clear the screen.
Bidirectional marks show a text in another order than it has, and invisible characters make two
different names look equal. All are shown as \x1b or \u202e instead.
"""

import json
import re

# Unicode's categories Cc, Cf, Cs, Zl and Zp, without two kinds of Cf: the joiners U+200C and
# U+200D, which Persian, Indian scripts and emoji are written with, and the visible signs of Arabic,
# Syriac and Kaithi numbers.
_CONTROLS = (
    r"\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f"
    r"\ufeff\ufff9-\ufffb\ud800-\udfff\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_ANY = re.compile(f"[{_CONTROLS}]")
_ANY_BUT_NEWLINE = re.compile(rf"(?!\n)[{_CONTROLS}]")


def escape_controls(text: str) -> str:
    r"""Return the text with every control, bidirectional and invisible character escaped.

    Other characters stay as they are, a backslash too:

        escape_controls("a\x1b[2Jb\n") == r"a\x1b[2Jb\n"
    """
    return text if text.isprintable() else _ANY.sub(_escape, text)


def escape_lines(text: str) -> str:
    """Return the same for a text of several lines, whose newlines stay."""
    return text if text.isprintable() else _ANY_BUT_NEWLINE.sub(_escape, text)


def escape_json(text: str) -> str:
    """Return JSON for people, as json.dumps with ensure_ascii=False makes it, escaped as JSON."""
    return _ANY_BUT_NEWLINE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
