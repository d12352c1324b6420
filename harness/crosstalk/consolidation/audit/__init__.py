"""Who broadcasts to a user in a source tree: read, never imported.

    reading     files -> functions, classes and instances
    evidence    one function -> what it looks up, sends, passes on, swallows
    roles       all functions -> real implementations, adapters, callers; who delegates to whom
    formats     the findings as a table, JSON, SARIF, a picture

Built on `ast`: only names, calls and positions are asked, which LibCST gives no better, and `ast` is in every Python,
needs no installation, is some ten times as fast, and takes the grammar of the Python that runs it.
"""
