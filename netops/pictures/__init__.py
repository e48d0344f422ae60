"""Pictures: pure functions from values to SVG, the same in a page, a PDF and an e-mail. One picture a file."""
