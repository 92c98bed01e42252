//! barrier: see `ARCHITECTURE.md`.
