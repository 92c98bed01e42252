//! Prints JSON like Go's `encoding/json`: `<`, `>`, `&`, U+2028 and U+2029 escaped, whole floats without a fraction.
//!
//! A [`serde_json::value::RawValue`] passes through as it is, so it must have been printed by this module before.

use std::io;

use serde::Serialize;
use serde_json::Number;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// The value in one line, without a newline at the end.
///
/// # Errors
/// When `value` has no form in JSON, such as a map whose keys are not text.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::with_capacity(128);
    to_writer(&mut bytes, value)?;
    Ok(bytes)
}

/// Like [`to_vec`], as text.
///
/// # Errors
/// See [`to_vec`].
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    text(to_vec(value)?)
}

/// Like [`to_vec`], into a writer.
///
/// # Errors
/// See [`to_vec`]; also when the writer fails.
pub fn to_writer<T: Serialize + ?Sized>(writer: impl io::Write, value: &T) -> Result<(), serde_json::Error> {
    value.serialize(&mut Serializer::with_formatter(writer, GoStyle(CompactFormatter)))
}

/// The value in lines indented by two spaces, as the command line prints it, without a newline at the end.
///
/// # Errors
/// See [`to_vec`].
pub fn to_string_pretty<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::with_capacity(256);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, GoStyle(PrettyFormatter::new())))?;
    text(bytes)
}

/// A float as Go prints it: `60`, `0.5`, `1e+21`. `None` if it is infinite or not a number, which JSON cannot say.
#[must_use]
pub fn float(value: f64) -> Option<Number> {
    value.is_finite().then(|| float_text(value)).and_then(|text| text.parse().ok())
}

fn text(bytes: Vec<u8>) -> Result<String, serde_json::Error> {
    // Only a raw value could have brought in other bytes, and that is text by its type.
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// Go's rule: exponent notation below 1e-6 and from 1e21 on, its sign always written.
fn float_text(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        return if magnitude >= 1.0 { text.replace('e', "e+") } else { text };
    }
    value.to_string()
}

/// Lays out like `F`, escapes and prints floats like Go.
struct GoStyle<F>(F);

/// Hands the layout calls through to the wrapped formatter.
macro_rules! through {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $name<W: io::Write + ?Sized>(&mut self, writer: &mut W $(, $argument: $type)*) -> io::Result<()> {
            self.0.$name(writer $(, $argument)*)
        }
    )*};
}

impl<F: Formatter> Formatter for GoStyle<F> {
    through! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // All of them begin with one of these bytes, and most text has none.
        if !fragment.bytes().any(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut written = 0;
        for (start, c) in fragment.char_indices() {
            let escape = match c {
                '<' => "\\u003c",
                '>' => "\\u003e",
                '&' => "\\u0026",
                '\u{2028}' => "\\u2028",
                '\u{2029}' => "\\u2029",
                _ => continue,
            };
            let (before, end) = (fragment.get(written..start).unwrap_or_default(), start + c.len_utf8());
            writer.write_all(before.as_bytes())?;
            writer.write_all(escape.as_bytes())?;
            written = end;
        }
        writer.write_all(fragment.get(written..).unwrap_or_default().as_bytes())
    }

    fn write_f64<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float_text(value).as_bytes())
    }

    fn write_f32<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        self.write_f64(writer, f64::from(value))
    }
}
