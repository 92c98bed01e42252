//! storage-embedded: see `ARCHITECTURE.md`.
