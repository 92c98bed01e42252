//! engines: see `ARCHITECTURE.md`.
