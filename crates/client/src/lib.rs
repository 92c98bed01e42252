//! client: see `ARCHITECTURE.md`.
