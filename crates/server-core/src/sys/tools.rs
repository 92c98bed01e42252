//! `sys/tools/`: random bytes and hashes for whoever has neither at hand. They touch no storage and keep nothing.
//!
//! Random bytes come from the server's own generator, whatever source is asked for: no seal here is a source of
//! entropy, and the reply says so.

use aws_lc_rs::digest;
use data_encoding::{BASE64, HEXLOWER};
use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

/// The most random bytes of one reply (documented Vault behavior).
const RANDOM_BYTES_MAX: usize = 128 * 1024;
/// What a reply says when the seal was asked for entropy.
const NO_SEAL_ENTROPY: &str = "no seal/entropy augmentation available, using platform entropy source";

const RANDOM: &str = "Random bytes.";
const HASH: &str = "A hash of the caller's data.";
const DRAW: &str = "Draw random bytes.";
const SUM: &str = "Hash the input.";

pub(super) fn paths() -> Vec<Path<()>> {
    let source = "Where they come from: platform, seal or all; or the number of bytes.";
    vec![
        Path::new("tools/random", RANDOM).update(draw, DRAW),
        // One template for both: a segment that is not the name of a source is the number of bytes.
        Path::new("tools/random/{source}", RANDOM).param("source", Segment::Name, source).update(draw, DRAW),
        Path::new("tools/random/{source}/{urlbytes}", RANDOM)
            .param("source", Segment::Name, "Where they come from: platform, seal or all.")
            .param("urlbytes", Segment::Name, "How many bytes: 1 to 131072.")
            .update(draw, DRAW),
        Path::new("tools/hash", HASH).update(hash, SUM),
        Path::new("tools/hash/{urlalgorithm}", HASH)
            .param("urlalgorithm", Segment::Name, "The algorithm, before what the body says.")
            .update(hash, SUM),
    ]
}

fields! {
    /// Random bytes to be drawn.
    struct Draw {
        /// Where they come from: platform, seal or all. All of them are the server's own generator.
        source: String = String::new(),
        /// How many bytes, before what the body says.
        urlbytes: String = String::new(),
        /// How many bytes: 1 to 131072.
        bytes: i64 = 32,
        /// How they are written: base64 or hex.
        format: String = "base64".to_owned(),
    }
}

fields! {
    /// Data to be hashed.
    struct Hash {
        /// The data, base64.
        input: String = String::new(),
        /// The algorithm, before what the body says.
        urlalgorithm: Option<String>,
        /// sha2-224, sha2-256, sha2-384, sha2-512, sha3-256, sha3-384 or sha3-512.
        algorithm: String = "sha2-256".to_owned(),
        /// How the sum is written: hex or base64.
        format: String = "hex".to_owned(),
    }
}

async fn draw((): &(), context: &Context, input: Draw) -> Result<Reply, Error> {
    let is_source = matches!(input.source.as_str(), "" | "platform" | "seal" | "all");
    let (source, count) = match (input.urlbytes.as_str(), is_source) {
        ("", true) => (input.source.as_str(), input.bytes),
        ("", false) => ("platform", parse_count(&input.source)?),
        (count, _) => (input.source.as_str(), parse_count(count)?),
    };
    let count = usize::try_from(count).ok().filter(|count| *count > 0);
    let count = count.ok_or(Error::invalid("\"bytes\" cannot be less than 1"))?;
    if count > RANDOM_BYTES_MAX {
        return Err(Error::Invalid(format!("\"bytes\" should be less than {RANDOM_BYTES_MAX}").into()));
    }
    let encode = encoder(&input.format)?;
    if !matches!(source, "" | "platform" | "seal" | "all") {
        let ours = "must be \"platform\", \"seal\" or \"all\"";
        return Err(Error::Invalid(format!("unsupported entropy source \"{source}\"; {ours}").into()));
    }
    let mut bytes = vec![0; count];
    context.env.fill(&mut bytes);
    let reply = Reply::data(json!({ "random_bytes": encode(&bytes) }));
    Ok(if matches!(source, "seal" | "all") { reply.warn(NO_SEAL_ENTROPY) } else { reply })
}

async fn hash((): &(), _: &Context, input: Hash) -> Result<Reply, Error> {
    let data = BASE64.decode(input.input.as_bytes()).map_err(|why| {
        let place = format!("illegal base64 data at input byte {}", why.position);
        Error::Invalid(format!("unable to decode input as base64: {place}").into())
    })?;
    let encode = encoder(&input.format)?;
    let algorithm = algorithm(&input.urlalgorithm.unwrap_or(input.algorithm))?;
    Ok(Reply::data(json!({ "sum": encode(digest::digest(algorithm, &data).as_ref()) })))
}

fn parse_count(text: &str) -> Result<i64, Error> {
    text.parse()
        .map_err(|_| Error::Invalid(format!("error parsing url-set byte count: \"{text}\" is no number").into()))
}

fn encoder(format: &str) -> Result<fn(&[u8]) -> String, Error> {
    match format {
        "base64" => Ok(|bytes| BASE64.encode(bytes)),
        "hex" => Ok(|bytes| HEXLOWER.encode(bytes)),
        other => {
            let text = format!("unsupported encoding format \"{other}\"; must be \"hex\" or \"base64\"");
            Err(Error::Invalid(text.into()))
        }
    }
}

fn algorithm(name: &str) -> Result<&'static digest::Algorithm, Error> {
    Ok(match name {
        "sha2-224" => &digest::SHA224,
        "sha2-256" => &digest::SHA256,
        "sha2-384" => &digest::SHA384,
        "sha2-512" => &digest::SHA512,
        "sha3-256" => &digest::SHA3_256,
        "sha3-384" => &digest::SHA3_384,
        "sha3-512" => &digest::SHA3_512,
        other => return Err(Error::Invalid(format!("unsupported algorithm {other}").into())),
    })
}

#[cfg(test)]
mod tests;
