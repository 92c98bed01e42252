//! cli: see `ARCHITECTURE.md`.
