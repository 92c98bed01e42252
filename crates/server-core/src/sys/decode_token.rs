//! `sys/decode-token`: what came out of a root token generation, made readable with the one-time password.
//!
//! Nothing is looked up, so no token is asked for: whoever has both parts could do the same alone.

use data_encoding::BASE64_NOPAD;
use framework::{Context, Error, Path, Reply, fields};
use secret::Secret;
use serde_json::json;

use super::SealPart;

/// The longest encoded token, in bytes of text.
const ENCODED_BYTES_MAX: usize = 16 * 1024;

pub(super) fn paths() -> Vec<Path<SealPart>> {
    vec![
        Path::new("decode-token", "Decodes a generated root token with its one-time password.")
            .unauthenticated()
            .update(write_decode, "Decode the token."),
    ]
}

fields! {
    /// An encoded token and what decodes it.
    struct Decode {
        /// The encoded token, as the generation of a root token ends with.
        encoded_token: Secret<String> = Secret::new(String::new()) => secret,
        /// The one-time password that the generation was begun with.
        otp: Secret<String> = Secret::new(String::new()) => secret,
    }
}

async fn write_decode(_: &SealPart, _: &Context, input: Decode) -> Result<Reply, Error> {
    let token = decode(input.encoded_token.expose(), input.otp.expose())?;
    Ok(Reply::data(json!({ "token": token.expose() })))
}

/// Base64 without padding, each byte combined with that of the password by exclusive or (documented Vault behavior).
fn decode(encoded: &str, otp: &str) -> Result<Secret<String>, Error> {
    if encoded.is_empty() {
        return Err(Error::invalid("missing encoded token"));
    }
    if otp.is_empty() {
        return Err(Error::invalid("missing otp"));
    }
    if encoded.len() > ENCODED_BYTES_MAX {
        return Err(Error::Invalid(format!("encoded_token is longer than {ENCODED_BYTES_MAX} bytes").into()));
    }
    let bytes = BASE64_NOPAD.decode(encoded.trim_end_matches('=').as_bytes()).map(Secret::new);
    let bytes = bytes.map_err(|_| Error::invalid("error decoding token: it is not base64"))?;
    let bytes = bytes.expose();
    if bytes.len() != otp.len() {
        let lengths = format!("{} and {} bytes", bytes.len(), otp.len());
        return Err(Error::Invalid(
            format!("error decoding token: it and the otp are not of one length: {lengths}").into(),
        ));
    }
    let token = bytes.iter().zip(otp.as_bytes()).map(|(byte, otp)| byte ^ otp).collect();
    let token = String::from_utf8(token).map_err(|_| Error::invalid("error decoding token: it is not of this otp"))?;
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests;
