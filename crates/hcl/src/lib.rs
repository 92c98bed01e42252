//! hcl: see `ARCHITECTURE.md`.
