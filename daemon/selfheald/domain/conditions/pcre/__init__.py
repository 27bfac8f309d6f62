"""Regular expressions as PCRE 8.44 reads them, run by the ``regex`` module."""
