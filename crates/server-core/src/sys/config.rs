//! `sys/config/cors` and `sys/config/ui/headers`: what browsers are told, for all nodes of the cluster.

use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use crate::browser::Browser;

/// Headers that say how the bytes of a page are read. With another value of them there is no page.
const NAMES_FRAMING: [&str; 6] =
    ["connection", "content-length", "content-type", "date", "transfer-encoding", "upgrade"];

pub(super) fn paths() -> Vec<Path<Browser>> {
    vec![
        Path::new("config/cors", "Which pages of other origins may call the API from a browser.")
            .sudo()
            .root_only()
            .read(read_cors, "Show the settings.")
            .update(write_cors, "Allow origins, in place of those allowed before.")
            .delete(delete_cors, "Switch the check of origins off and forget them."),
        Path::new("config/ui/headers", "The headers of the web interface that an operator set.")
            .sudo()
            .root_only()
            .list(list_headers, "List the names."),
        Path::new("config/ui/headers/{header}", "A header of the web interface.")
            .param("header", Segment::Name, "Name of the header.")
            .sudo()
            .root_only()
            .read(read_header, "Show its value.")
            .update(write_header, "Set its values.")
            .delete(delete_header, "Take it away; what the server sends by itself is sent again."),
    ]
}

fields! {
    /// Who may call.
    struct WriteCors {
        /// Origins such as https://ui.example.com, or * alone for every one.
        allowed_origins: Vec<String> = Vec::new(),
        /// Names of headers that requests may have, on top of those that they always may.
        allowed_headers: Vec<String> = Vec::new(),
        /// False switches the check off, as removing the settings does.
        enable: bool = true,
    }
}

fields! {
    /// A header by name.
    struct Named {
        /// Name of the header.
        header: String,
    }
}

fields! {
    /// How to show a header.
    struct ReadHeader {
        /// Name of the header.
        header: String,
        /// Whether to show all values instead of the first.
        multivalue: bool = false,
    }
}

fields! {
    /// What a header is to be.
    struct WriteHeader {
        /// Name of the header.
        header: String,
        /// Its values.
        values: Vec<String> = Vec::new(),
        /// Taken and not needed: all values are set.
        multivalue: bool = false,
    }
}

async fn read_cors(browser: &Browser, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let settings = browser.settings().await?;
    let data = match &settings.cors {
        None => json!({ "enabled": false }),
        Some(cors) => json!({ "enabled": true, "allowed_origins": cors.origins, "allowed_headers": cors.headers }),
    };
    Ok(Reply::data(data).mirrored())
}

async fn write_cors(browser: &Browser, _: &Context, input: WriteCors) -> Result<Reply, Error> {
    match input.enable {
        true => browser.allow(&input.allowed_origins, &input.allowed_headers).await?,
        false => browser.allow_none().await?,
    }
    Ok(Reply::empty())
}

async fn delete_cors(browser: &Browser, _: &Context, _: Nothing) -> Result<Reply, Error> {
    browser.allow_none().await?;
    Ok(Reply::empty())
}

async fn list_headers(browser: &Browser, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::list(browser.ui_names().await?))
}

async fn read_header(browser: &Browser, _: &Context, input: ReadHeader) -> Result<Reply, Error> {
    let values = browser.ui_values(&input.header).await?;
    let first = values.first().ok_or(Error::NotFound)?;
    Ok(Reply::data(if input.multivalue { json!({ "values": values }) } else { json!({ "value": first }) }))
}

async fn write_header(browser: &Browser, _: &Context, input: WriteHeader) -> Result<Reply, Error> {
    if input.values.is_empty() {
        return Err(Error::invalid("header and values must be specified"));
    }
    let name = input.header.to_ascii_lowercase();
    if name.starts_with("x-vault-") {
        return Err(Error::invalid("X-Vault headers cannot be set"));
    }
    if NAMES_FRAMING.contains(&name.as_str()) {
        return Err(Error::invalid("headers that say how the page is read cannot be set"));
    }
    browser.set_ui_header(&input.header, input.values).await?;
    if name == "content-security-policy" {
        return Ok(
            Reply::empty().warn("the page's own Content-Security-Policy lets nothing foreign in; this one replaces it")
        );
    }
    Ok(Reply::empty())
}

async fn delete_header(browser: &Browser, _: &Context, input: Named) -> Result<Reply, Error> {
    browser.set_ui_header(&input.header, Vec::new()).await?;
    Ok(Reply::empty())
}
