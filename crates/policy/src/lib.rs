//! policy: see `ARCHITECTURE.md`.
