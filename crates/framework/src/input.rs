//! From the loose values of a request to the typed input of a handler.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::field::{Coercion, Field, FieldValue};

/// The values of one request, by name: path parameters, and body or query. A parameter hides a value of its name.
#[derive(Default)]
pub struct Input {
    params: BTreeMap<&'static str, String>,
    values: Map<String, Value>,
}

/// Values of a request by name, as they came.
pub type Values = Map<String, Value>;

/// The typed input of one operation. [`fields!`](crate::fields) writes it for a struct.
pub trait FieldSet: Sized + Send + 'static {
    /// Whether names that no field has are taken as well instead of being ignored with a warning.
    const IS_FREE_FORM: bool = false;

    /// What the operation takes.
    fn fields() -> Vec<Field>;

    /// Takes the fields out of the values.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the first field that is missing or does not fit.
    fn decode(input: &mut Input) -> Result<Self, Error>;
}

/// An operation that takes nothing.
#[derive(Debug)]
pub struct Nothing;

impl FieldSet for Nothing {
    fn fields() -> Vec<Field> {
        Vec::new()
    }

    fn decode(_: &mut Input) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Input {
    /// The values of a request, and what the parameters of its path stand for.
    #[must_use]
    pub fn new(params: BTreeMap<&'static str, String>, values: Map<String, Value>) -> Self {
        Self { params, values }
    }

    /// Takes one field; null counts as absent, but for a type that knows null.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is missing though required, or does not fit.
    pub fn take<T: FieldValue>(&mut self, name: &str) -> Result<T, Error> {
        let value = match self.params.remove(name) {
            Some(text) => Some(Value::String(text)),
            None => self.values.remove(name),
        };
        match value.filter(|value| T::TAKES_NULL || !value.is_null()) {
            None => T::absent().ok_or_else(|| Error::Invalid(format!("missing required field \"{name}\"").into())),
            Some(value) => T::coerce(value).map_err(|why| misfit(name, &why)),
        }
    }

    /// Takes one field, or `default` when it is absent or null.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it does not fit.
    pub fn take_or<T: FieldValue>(&mut self, name: &str, default: T) -> Result<T, Error> {
        self.take::<Option<T>>(name).map(|value| value.unwrap_or(default))
    }

    /// All values of body or query that were not taken; the path's parameters are none of them.
    #[must_use]
    pub fn take_rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.values)
    }
}

impl fmt::Debug for Input {
    /// Names only: any value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.params.keys()).entries(self.values.keys()).finish()
    }
}

/// The complaint about a field whose value does not fit.
#[must_use]
pub fn misfit(name: &str, why: &Coercion) -> Error {
    Error::Invalid(format!("error converting input for field \"{name}\": {}", why.0).into())
}

/// The field's name on the wire: Rust's `r#type` is `type` there.
#[must_use]
pub fn wire_name(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Declares the typed input of an operation. Documentation comments become the fields' descriptions; `Option` means
/// that absent differs from any value; `= expression` gives a default; `=> secret` keeps the value out of audit output.
/// A last line `..name` makes it free-form: all other values of the request end up there.
///
/// ```
/// framework::fields! {
///     /// Creates a key.
///     pub struct WriteKey {
///         /// Name of the key.
///         name: String,
///         /// Shared secret, base32. Generated when absent.
///         key: Option<secret::Secret<String>> => secret,
///         /// Time step, in seconds.
///         period: u32 = 30,
///     }
/// }
/// ```
#[macro_export]
macro_rules! fields {
    (
        $(#[doc = $about:literal])*
        $vis:vis struct $set:ident {
            $(
                $(#[doc = $doc:literal])+
                $name:ident : $type:ty $(= $default:expr)? $(=> $secret:ident)?,
            )*
            $(..$rest:ident)?
        }
    ) => {
        $(#[doc = $about])*
        $vis struct $set {
            $(
                $(#[doc = $doc])+
                $vis $name: $type,
            )*
            $(
                /// All other values of the request.
                $vis $rest: $crate::input::Values,
            )?
        }

        impl $crate::FieldSet for $set {
            const IS_FREE_FORM: bool = $crate::fields!(@free $($rest)?);

            fn fields() -> Vec<$crate::Field> {
                vec![$(
                    $crate::Field {
                        name: $crate::input::wire_name(stringify!($name)),
                        description: concat!($($doc),+).trim().to_owned(),
                        kind: <$type as $crate::FieldValue>::KIND,
                        is_required: $crate::fields!(@required $type $(, $default)?),
                        is_secret: $crate::fields!(@secret $($secret)?),
                    },
                )*]
            }

            fn decode(input: &mut $crate::Input) -> Result<Self, $crate::Error> {
                Ok(Self {
                    $($name: $crate::fields!(@take input, $name, $type $(, $default)?),)*
                    $($rest: input.take_rest(),)?
                })
            }
        }
    };
    (@required $type:ty) => { <$type as $crate::FieldValue>::IS_REQUIRED };
    (@required $type:ty, $default:expr) => { false };
    (@free) => { false };
    (@free $rest:ident) => { true };
    (@secret) => { false };
    (@secret secret) => { true };
    (@take $input:ident, $name:ident, $type:ty) => {
        $input.take::<$type>($crate::input::wire_name(stringify!($name)))?
    };
    (@take $input:ident, $name:ident, $type:ty, $default:expr) => {
        $input.take_or::<$type>($crate::input::wire_name(stringify!($name)), $default)?
    };
}

#[cfg(test)]
mod tests;
