"""SQLite: schema, migrations, queries; one writer thread."""
