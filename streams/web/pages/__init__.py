"""The pages: a module of handlers and a template each."""
