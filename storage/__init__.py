"""Files and their names: places, formats, ids. Every layer may import it; it imports none of them."""
