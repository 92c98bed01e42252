//! api: see `ARCHITECTURE.md`.
