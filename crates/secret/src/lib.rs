//! secret: see `ARCHITECTURE.md`.
