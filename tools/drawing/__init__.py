"""The picture of the architecture, from the imports of the code to SVG."""
