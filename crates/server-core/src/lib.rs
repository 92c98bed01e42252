//! server-core: see `ARCHITECTURE.md`.
