//! framework: see `ARCHITECTURE.md`.
