"""The SQL store: its tables, how they came to be, and how it is opened; SQLite on one machine, PostgreSQL for several."""
