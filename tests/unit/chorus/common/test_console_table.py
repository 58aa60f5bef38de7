"""Tables show texts as they are, but for what a terminal would obey."""

from chorus.common.console_table import print_table


def test_markup_emoji_codes_and_escapes_in_cells_are_shown_as_they_are(capsys):
    print_table(("na[b]me", ":dog:"), [("[red]x[/red] \x1b[2J", "a\nb"), (":smile:", 1)])
    shown = capsys.readouterr().out
    assert r"[red]x[/red] \x1b[2J" in shown
    assert "na[b]me" in shown
    assert ":dog:" in shown
    assert ":smile:" in shown
    assert r"a\nb" in shown, "a text cannot begin a row of its own"


def test_lines_of_a_text_are_kept_where_that_is_asked_for(capsys):
    print_table(("", ""), [("error", "first\nsecond \x1b")], keep_lines=True)
    first, second = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert first.split() == ["error", "first"]
    assert second.split() == ["second", r"\x1b"]
