"""The configuration: one YAML file and ``SELFHEALD_…`` variables, checked as a whole, turned into values.

::

    document    the file, with the line of every key         overrides   the environment, with the variable's name
          └────────────────────┬────────────────────────────────────────────┘
    models      what may stand there (pydantic)             checks      what only the whole can tell
          └────────────────────┬────────────────────────────────────────────┘
    loading     every mistake at once, or …  →  resolve  →  values.Configuration

``reference`` makes the JSON schema and the table in the docs from ``models``.
"""
