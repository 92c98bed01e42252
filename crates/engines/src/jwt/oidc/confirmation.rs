//! The pages for a browser that the provider sends here. They need no script, load nothing, and what comes from outside
//! stands in them as text alone.

use framework::Reply;

use super::begun::Begun;

/// What the pages may do: a click must not be had by a frame in somebody else's page.
const NOTHING_BUT_THE_FORM: &str = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";

/// How what is shown comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Get,
    Post,
}

/// What the browser shows at the end: no word of it comes from outside.
pub(super) fn done() -> Reply {
    page_of("Signed in", "<p>You are signed in. This window can be closed.</p>")
}

/// Asks whether somebody has begun a login themselves; `given` comes back with the answer. A URL that somebody else has
/// sent them would let that one in by their name (RFC 8628 §5.4).
pub(super) fn page(begun: &Begun, form: Form, given: &[(&str, &str)]) -> Reply {
    let method = match form {
        Form::Get => "get",
        Form::Post => "post",
    };
    let from = if begun.from.is_empty() { "an unknown address" } else { &begun.from };
    let mut body = format!(
        "<p>A program at {} asks to be signed in with your name, for the role {}.</p>\n\
         <p>Go on only if you have started it yourself, just now.</p>\n<form method=\"{method}\">",
        escaped(from),
        escaped(&begun.role)
    );
    for (name, value) in given.iter().chain(&[("confirmation", "true")]) {
        body.push_str(&format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value)));
    }
    body.push_str("<button>Sign in</button></form>");
    page_of("Sign in?", &body)
}

fn page_of(title: &str, body: &str) -> Reply {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>{body}</body>\
         </html>\n"
    );
    Reply::body("text/html; charset=utf-8", text).with_header("Content-Security-Policy", NOTHING_BUT_THE_FORM)
}

/// A text as it stands between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
