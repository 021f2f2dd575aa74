"""Facts to bytes and back: envelopes, the registry of types, old versions, journal blocks, schemas."""
