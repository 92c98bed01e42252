//! http-api: see `ARCHITECTURE.md`.
