//! What an engine is made of: a table of paths with typed inputs, and what their handlers are given and may answer.
//!
//! An engine is data plus handlers. From its one table come routing, validation, path help and OpenAPI. This crate
//! knows nothing of the core, of HTTP or of any engine; `docs/adding-an-engine.md` walks through a new one.

pub mod browser;
pub mod cidr;
pub mod conformance;
pub mod context;
pub mod engine;
pub mod envelope;
pub mod error;
pub mod field;
pub mod glob;
pub mod help;
pub mod input;
pub mod lease;
pub mod load;
pub mod login;
pub mod mfa;
pub mod openapi;
pub mod page;
pub mod path;
pub mod reply;
pub mod request;
pub mod rotation;
pub mod router;
pub mod stream;
pub mod terms;
pub mod testing;
pub mod view;

#[cfg(test)]
mod sample;

pub use browser::{BrowserSettings, Cors};
pub use context::{Caller, Connection, Context, Headers, Judge, Mount, Namespace, Opening, Openings};
pub use engine::{Engine, Kind, Mounted};
pub use error::Error;
pub use field::{Change, Coercion, Field, FieldKind, FieldValue};
pub use input::{FieldSet, Input};
pub use lease::{Grant, Held, Intent, Intents, Limits, SecretKind};
pub use load::Load;
pub use login::{Alias, Login, Renewed, Renewing};
pub use mfa::{MfaChoice, MfaRequirement};
pub use page::Page;
pub use path::{Access, Path, Segment};
pub use reply::{Auth, Data, Header, Lease, RawBody, Reply, Shape, Status, WrapInfo};
pub use request::{Answer, HeaderSource, Operation, Request, Service, WrapFormat};
pub use rotation::{Rotating, RotationKeys, Schedule};
pub use stream::{BodyStream, Chunks};
pub use view::{Due, Stored, View};

/// A future that is boxed so that handlers of different types fit into one table.
pub use env::BoxFuture;
