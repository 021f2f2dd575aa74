"""How the tables came to be, step by step; run by ``streams/storage/migrate.py``."""
