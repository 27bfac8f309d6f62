"""What selfheald remembers, in one SQLite file: the schema, its migrations, the queries."""
