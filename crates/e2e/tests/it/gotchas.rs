//! Twenty details of the protocol that clients break on, each against the real binary. The number in a name is that of
//! the project's list of them; the comment says who depends on it.
//!
//! The plain client is used, because a client library hides what is looked at here.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, ensure};
use data_encoding::{BASE64, HEXLOWER};
use e2e::http::{Client, Reply, read_reply};
use e2e::operator::{self, Keys, text};
use e2e::server::{Home, Server, Tls};
use serde_json::{Value, json};

/// The keys of the envelope that every reply has.
const ENVELOPE: [&str; 8] =
    ["request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth"];

/// A fresh, unsealed server with KV version 1 at `one/` and version 2 at `two/`.
struct World {
    server: Server,
    keys: Keys,
    root: Client,
    _home: Home,
}

impl World {
    fn new() -> Result<Self> {
        let home = Home::new(Tls::Off)?;
        let server = home.start()?;
        let keys = operator::initialize(&mut server.client())?;
        operator::unseal(&mut server.client(), &keys)?;
        let mut root = server.client().with_token(&keys.root_token);
        for (path, version) in [("one", "1"), ("two", "2")] {
            let mount = json!({"type": "kv", "options": {"version": version}});
            root.expect(204, "POST", &format!("/v1/sys/mounts/{path}"), Some(&mount))?;
        }
        Ok(Self { server, keys, root, _home: home })
    }

    /// A request of which every byte is given.
    fn raw(&self, message: &str) -> Result<Reply> {
        let mut connection = BufReader::new(TcpStream::connect(self.server.address)?);
        connection.get_mut().write_all(message.as_bytes())?;
        read_reply(&mut connection, message.split(' ').next().unwrap_or_default())
    }

    /// A `POST` with this content type, as the root token.
    fn post(&self, path: &str, content_type: &str, body: &str) -> Result<Reply> {
        self.raw(&format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nX-Vault-Token: {}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.keys.root_token,
            body.len()
        ))
    }
}

fn check_envelope(reply: &Value) {
    let keys: Vec<&str> = reply.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    for key in ENVELOPE {
        assert!(keys.contains(&key), "{key} is missing in {reply}");
    }
}

/// hvac compares the whole header, and loses the list of errors when there is a charset.
#[test]
fn gotcha_01_the_content_type_is_application_json_and_nothing_more() -> Result<()> {
    let mut world = World::new()?;
    world.root.expect(204, "PUT", "/v1/one/app", Some(&json!({"a": "b"})))?;
    for (status, method, path) in [
        (200, "GET", "/v1/one/app"),
        (200, "LIST", "/v1/one"),
        (200, "GET", "/v1/sys/health"),
        (200, "GET", "/v1/sys/seal-status"),
        (400, "GET", "/v1/sys/mounts/none"),
        (404, "GET", "/v1/one/none"),
        (404, "GET", "/v1/none/at/all"),
        (405, "GET", "/v1/auth/token/create"),
    ] {
        let reply = world.root.expect(status, method, path, None)?;
        assert_eq!(reply.header("content-type"), Some("application/json"), "{method} {path}");
    }
    let denied = world.server.client().expect(403, "GET", "/v1/one/app", None)?;
    assert_eq!(denied.header("content-type"), Some("application/json"));
    world.root.expect(204, "PUT", "/v1/sys/seal", None)?;
    let sealed = world.root.expect(503, "GET", "/v1/one/app", None)?;
    assert_eq!(sealed.header("content-type"), Some("application/json"));
    Ok(())
}

/// vaultrs reads whole numbers into `u64`, which `60.0` does not fit.
#[test]
fn gotcha_02_whole_numbers_have_no_fraction() -> Result<()> {
    fn check(value: &Value, place: &str) {
        match value {
            Value::Number(number) => {
                let digits = number.to_string();
                assert!(digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'), "{digits} in {place}");
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, place)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| check(value, &format!("{place}.{key}"))),
            _ => {}
        }
    }
    let mut world = World::new()?;
    world.root.expect(200, "PUT", "/v1/two/data/app", Some(&json!({"data": {"a": "b"}})))?;
    let token = json!({"ttl": "90m", "explicit_max_ttl": "5h", "num_uses": 7});
    let made = world.root.expect(200, "POST", "/v1/auth/token/create", Some(&token))?.json()?;
    check(&made, "create");
    assert_eq!(made["auth"]["lease_duration"].to_string(), "5400");
    let token = text(&made, "/auth/client_token")?;
    check(
        &world.server.client().with_token(&token).expect(200, "GET", "/v1/auth/token/lookup-self", None)?.json()?,
        "own",
    );
    for path in ["sys/health", "sys/seal-status", "sys/leader", "sys/mounts", "sys/mounts/two/tune", "two/metadata/app"]
    {
        check(&world.root.expect(200, "GET", &format!("/v1/{path}"), None)?.json()?, path);
    }
    Ok(())
}

/// vaultrs requires `lease_id`, `lease_duration`, `renewable` and `request_id` to be there.
#[test]
fn gotcha_03_the_envelope_has_all_its_keys_and_null_where_there_is_nothing() -> Result<()> {
    let mut world = World::new()?;
    world.root.expect(204, "PUT", "/v1/one/app", Some(&json!({"a": "b"})))?;
    let read = world.root.expect(200, "GET", "/v1/one/app", None)?.json()?;
    check_envelope(&read);
    for key in ["wrap_info", "warnings", "auth"] {
        assert_eq!(read[key], Value::Null, "{key}");
    }
    assert_eq!((&read["lease_id"], &read["renewable"]), (&json!(""), &json!(false)));
    assert_eq!(text(&read, "/request_id")?.len(), 36, "a UUID");
    let made = world.root.expect(200, "POST", "/v1/auth/token/create", Some(&json!({})))?.json()?;
    check_envelope(&made);
    assert_eq!((&made["data"], &made["wrap_info"]), (&Value::Null, &Value::Null));
    // `token_policies` too, also where it says the same as `policies`.
    assert_eq!(made["auth"]["token_policies"], json!(["root"]));
    check_envelope(&world.root.expect(200, "LIST", "/v1/one", None)?.json()?);
    Ok(())
}

/// Every client tells "not there" from "refused" by this.
#[test]
fn gotcha_04_nothing_to_read_is_404_and_nothing_to_say_is_204() -> Result<()> {
    let mut world = World::new()?;
    for path in [
        "/v1/one/none",
        "/v1/two/data/none",
        "/v1/two/metadata/none",
        "/v1/sys/policies/acl/none",
        "/v1/cubbyhole/none",
    ] {
        assert_eq!(world.root.expect(404, "GET", path, None)?.json()?, json!({"errors": []}), "{path}");
    }
    for (method, path, body) in [
        ("PUT", "/v1/one/app", Some(json!({"a": "b"}))),
        ("DELETE", "/v1/one/app", None),
        ("DELETE", "/v1/one/app", None),
        ("DELETE", "/v1/two/data/none", None),
    ] {
        let reply = world.root.expect(204, method, path, body.as_ref())?;
        assert_eq!((reply.body.as_slice(), reply.header("content-type")), (&b""[..], None), "{method} {path}");
    }
    Ok(())
}

/// hvac and the command line take an empty list for a mistake.
#[test]
fn gotcha_05_an_empty_list_is_404_without_keys() -> Result<()> {
    let mut world = World::new()?;
    for path in ["/v1/one", "/v1/two/metadata", "/v1/cubbyhole", "/v1/one/none"] {
        assert_eq!(world.root.expect(404, "LIST", path, None)?.json()?, json!({"errors": []}), "{path}");
    }
    world.root.expect(204, "PUT", "/v1/one/app", Some(&json!({"a": "b"})))?;
    world.root.expect(200, "LIST", "/v1/one", None)?;
    world.root.expect(204, "DELETE", "/v1/one/app", None)?;
    assert_eq!(world.root.expect(404, "LIST", "/v1/one", None)?.json()?, json!({"errors": []}));
    Ok(())
}

/// The Go command line, hvac and Terraform read the metadata of what is gone.
#[test]
fn gotcha_06_a_deleted_version_is_404_with_the_full_envelope() -> Result<()> {
    let mut world = World::new()?;
    world.root.expect(200, "PUT", "/v1/two/data/app", Some(&json!({"data": {"a": "b"}})))?;
    world.root.expect(204, "DELETE", "/v1/two/data/app", None)?;
    let deleted = world.root.expect(404, "GET", "/v1/two/data/app", None)?.json()?;
    check_envelope(&deleted);
    assert_eq!(deleted["data"]["data"], Value::Null);
    let metadata = &deleted["data"]["metadata"];
    assert_eq!((&metadata["version"], &metadata["destroyed"]), (&json!(1), &json!(false)));
    ensure!(
        !text(metadata, "/deletion_time")?.is_empty() && !text(metadata, "/created_time")?.is_empty(),
        "{metadata}"
    );
    world.root.expect(204, "POST", "/v1/two/destroy/app", Some(&json!({"versions": [1]})))?;
    let destroyed = world.root.expect(404, "GET", "/v1/two/data/app?version=1", None)?.json()?;
    assert_eq!((&destroyed["data"]["data"], &destroyed["data"]["metadata"]["destroyed"]), (&Value::Null, &json!(true)));
    Ok(())
}

/// The Go client shows the body of a 404 only if it has `data` or `warnings`.
#[test]
fn gotcha_07_a_404_with_something_to_say_says_it_in_warnings() -> Result<()> {
    let mut world = World::new()?;
    world.root.expect(200, "PUT", "/v1/two/data/app", Some(&json!({"data": {"a": "b"}})))?;
    let reply = world.root.expect(404, "GET", "/v1/two/app", None)?.json()?;
    ensure!(text(&reply, "/warnings/0")?.contains("Invalid path for a versioned K/V secrets engine"), "{reply}");
    ensure!(reply.get("errors").is_none(), "{reply}");
    Ok(())
}

/// `curl -d` says that every body is a form.
#[test]
fn gotcha_08_json_in_a_form_is_json_and_a_form_is_a_form() -> Result<()> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let mut world = World::new()?;
    for (name, content_type, body, expected) in [
        ("plain", FORM, r#"{"n": 1}"#, json!({"n": 1})),
        ("white space first", FORM, " \r\n\t {\"n\": [1, null]}", json!({"n": [1, null]})),
        ("a form", FORM, "n=1&text=a+b%26", json!({"n": "1", "text": "a b&"})),
        ("no type that is known", "text/plain", r#"{"n": 2}"#, json!({"n": 2})),
        ("a charset", "application/json; charset=utf-8", r#"{"n": 3}"#, json!({"n": 3})),
    ] {
        let reply = world.post("/v1/one/app", content_type, body)?;
        ensure!(reply.status == 204, "{name}: {} {}", reply.status, reply.text());
        assert_eq!(world.root.expect(200, "GET", "/v1/one/app", None)?.json()?["data"], expected, "{name}");
    }
    let list = world.post("/v1/one/app", FORM, "[1]")?;
    assert_eq!(list.status, 400, "an array is JSON, and no object: {}", list.text());
    Ok(())
}

/// The Go client writes with PUT, most others with POST.
#[test]
fn gotcha_09_put_and_post_are_the_same() -> Result<()> {
    let mut world = World::new()?;
    for method in ["PUT", "POST"] {
        world.root.expect(204, method, "/v1/one/app", Some(&json!({"by": method})))?;
        assert_eq!(world.root.expect(200, "GET", "/v1/one/app", None)?.json()?["data"], json!({"by": method}));
        let body = json!({"data": {"by": method}});
        world.root.expect(200, method, "/v1/two/data/app", Some(&body))?;
        world.root.expect(204, method, "/v1/sys/policies/acl/app", Some(&json!({"policy": "path \"x\" {}"})))?;
        let mount = json!({"type": "kv"});
        world.root.expect(204, method, &format!("/v1/sys/mounts/by-{}", method.to_lowercase()), Some(&mount))?;
        world.root.expect(200, method, "/v1/auth/token/create", Some(&json!({"ttl": "1h"})))?;
        world.root.expect(200, method, "/v1/sys/capabilities-self", Some(&json!({"paths": ["one/app"]})))?;
    }
    Ok(())
}

/// hvac and vaultrs send the verb, Go and Terraform the parameter.
#[test]
fn gotcha_10_the_list_verb_and_the_parameter_are_the_same_with_and_without_a_slash() -> Result<()> {
    let mut world = World::new()?;
    for name in ["b", "a/x"] {
        world.root.expect(204, "PUT", &format!("/v1/one/{name}"), Some(&json!({"n": 1})))?;
    }
    for (method, path) in [
        ("LIST", "/v1/one"),
        ("LIST", "/v1/one/"),
        ("GET", "/v1/one?list=true"),
        ("GET", "/v1/one/?list=true"),
        ("GET", "/v1/one/?list=1"),
    ] {
        let reply = world.root.expect(200, method, path, None)?.json()?;
        assert_eq!(reply["data"], json!({"keys": ["a/", "b"]}), "{method} {path}");
    }
    world.root.expect(400, "GET", "/v1/one?list=perhaps", None)?;
    world.root.expect(404, "GET", "/v1/one?list=false", None)?;
    Ok(())
}

/// External Secrets gives up when one of these keys is absent.
#[test]
fn gotcha_11_lookup_self_has_expire_time_ttl_and_type() -> Result<()> {
    let mut world = World::new()?;
    let root = world.root.expect(200, "GET", "/v1/auth/token/lookup-self", None)?.json()?;
    assert_eq!((root["data"].get("expire_time"), &root["data"]["ttl"]), (Some(&Value::Null), &json!(0)));
    assert_eq!(root["data"]["type"], json!("service"));
    let made = world.root.expect(200, "POST", "/v1/auth/token/create", Some(&json!({"ttl": "1h"})))?.json()?;
    let mut client = world.server.client().with_token(&text(&made, "/auth/client_token")?);
    let own = client.expect(200, "GET", "/v1/auth/token/lookup-self", None)?.json()?;
    ensure!(text(&own, "/data/expire_time")?.contains('T'), "{own}");
    ensure!(own["data"]["ttl"].as_u64().is_some_and(|ttl| (1..=3600).contains(&ttl)), "{own}");
    assert_eq!(own["data"]["type"], json!("service"));
    // vaultrs cannot read it without this one, either.
    assert_eq!(own["data"]["entity_id"], json!(""));
    Ok(())
}

/// Terraform tells by these texts that a mount is gone.
#[test]
fn gotcha_12_a_missing_mount_is_400() -> Result<()> {
    let mut world = World::new()?;
    for (path, start) in
        [("/v1/sys/mounts/none", "No secret engine mount at none/"), ("/v1/sys/auth/none", "No auth engine at none/")]
    {
        let reply = world.root.expect(400, "GET", path, None)?.json()?;
        ensure!(text(&reply, "/errors/0")?.starts_with(start), "{reply}");
        world.root.expect(400, "GET", &format!("{path}/tune"), None)?;
    }
    world.root.expect(200, "GET", "/v1/sys/mounts/one", None)?;
    Ok(())
}

/// vaultrs demands it in `sys/health`.
#[test]
fn gotcha_13_health_has_performance_standby() -> Result<()> {
    let mut world = World::new()?;
    let check = |health: &Value| assert_eq!(health["performance_standby"], json!(false), "{health}");
    check(&world.root.expect(200, "GET", "/v1/sys/health", None)?.json()?);
    world.root.expect(204, "PUT", "/v1/sys/seal", None)?;
    check(&world.root.expect(503, "GET", "/v1/sys/health", None)?.json()?);
    Ok(())
}

/// Terraform parses it as a semantic version and chooses resources by it; build metadata has broken others.
#[test]
fn gotcha_14_the_version_is_three_numbers() -> Result<()> {
    let mut world = World::new()?;
    let status = world.root.expect(200, "GET", "/v1/sys/seal-status", None)?.json()?;
    let version = text(&status, "/version")?;
    let numbers: Vec<u32> = version.split('.').map(str::parse).collect::<Result<_, _>>().context(version.clone())?;
    ensure!(matches!(numbers[..], [1, 10..=u32::MAX, _]), "{version}");
    let health = world.root.expect(200, "GET", "/v1/sys/health", None)?.json()?;
    assert_eq!(text(&health, "/version")?, version);
    Ok(())
}

/// The command line asks this first, before every `kv` command.
#[test]
fn gotcha_15_the_preflight_tells_version_and_path_as_texts() -> Result<()> {
    let mut world = World::new()?;
    for (asked, path, version) in [("two/app/deep", "two/", "2"), ("two", "two/", "2"), ("one/app", "one/", "1")] {
        let reply = world.root.expect(200, "GET", &format!("/v1/sys/internal/ui/mounts/{asked}"), None)?.json()?;
        assert_eq!(reply["data"]["options"]["version"], json!(version), "{asked}");
        assert_eq!((&reply["data"]["path"], &reply["data"]["type"]), (&json!(path), &json!("kv")), "{asked}");
    }
    let missing = world.root.expect(403, "GET", "/v1/sys/internal/ui/mounts/none", None)?.json()?;
    ensure!(text(&missing, "/errors/0")?.contains("preflight capability check returned 403"), "{missing}");
    // Without a right below the mount, it is as if there were none.
    let made =
        world.root.expect(200, "POST", "/v1/auth/token/create", Some(&json!({"policies": ["default"]})))?.json()?;
    let mut other = world.server.client().with_token(&text(&made, "/auth/client_token")?);
    other.expect(403, "GET", "/v1/sys/internal/ui/mounts/two/app", None)?;
    Ok(())
}

/// In as a number, a number in a text, or with units; out as seconds. Only one field of KV goes out as Go writes it.
#[test]
fn gotcha_16_durations_come_in_many_ways_and_go_out_as_seconds() -> Result<()> {
    let mut world = World::new()?;
    for (given, seconds) in
        [(json!(3600), 3600), (json!("3600"), 3600), (json!("1h"), 3600), (json!("1d"), 86_400), (json!("1h30m"), 5400)]
    {
        let made = world.root.expect(200, "POST", "/v1/auth/token/create", Some(&json!({ "ttl": given })))?.json()?;
        assert_eq!(made["auth"]["lease_duration"], json!(seconds), "{given}");
        world.root.expect(204, "POST", "/v1/sys/mounts/two/tune", Some(&json!({ "default_lease_ttl": given })))?;
        let tuned = world.root.expect(200, "GET", "/v1/sys/mounts/two/tune", None)?.json()?;
        assert_eq!(tuned["data"]["default_lease_ttl"], json!(seconds), "{given}");
    }
    for (given, printed) in [(json!("3h25m19s"), "3h25m19s"), (json!(0), "0s"), (json!("90m"), "1h30m0s")] {
        world.root.expect(204, "POST", "/v1/two/metadata/app", Some(&json!({ "delete_version_after": given })))?;
        let metadata = world.root.expect(200, "GET", "/v1/two/metadata/app", None)?.json()?;
        assert_eq!(metadata["data"]["delete_version_after"], json!(printed), "{given}");
    }
    world.root.expect(400, "POST", "/v1/auth/token/create", Some(&json!({"ttl": "soon"})))?;
    Ok(())
}

/// A secret comes back digit for digit.
#[test]
fn gotcha_17_numbers_in_secrets_survive() -> Result<()> {
    const SECRET: &str =
        r#"{"fraction":0.1,"huge":123456789012345678901234567890,"i64":9223372036854775807,"one":1,"one_point":1.0}"#;
    let mut world = World::new()?;
    assert_eq!(world.post("/v1/one/app", "application/json", SECRET)?.status, 204);
    let read = world.root.expect(200, "GET", "/v1/one/app", None)?.text();
    ensure!(read.contains(&format!("\"data\":{SECRET}")), "{read}");
    let reply = world.post("/v1/two/data/app", "application/json", &format!("{{\"data\":{SECRET}}}"))?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let read = world.root.expect(200, "GET", "/v1/two/data/app", None)?.text();
    ensure!(read.contains(&format!("\"data\":{SECRET}")), "{read}");
    Ok(())
}

/// Clients look for a part of the text; the whole is what they show.
#[test]
fn gotcha_18_a_denial_has_one_text_with_a_token_and_another_without() -> Result<()> {
    const DENIED: &str = "1 error occurred:\n\t* permission denied\n\n";
    let mut world = World::new()?;
    world.root.expect(204, "PUT", "/v1/one/app", Some(&json!({"a": "b"})))?;
    let made =
        world.root.expect(200, "POST", "/v1/auth/token/create", Some(&json!({"policies": ["default"]})))?.json()?;
    let mut client = world.server.client().with_token(&text(&made, "/auth/client_token")?);
    // What is there, what is not, and what nothing is mounted for: one answer.
    for path in ["/v1/one/app", "/v1/one/none", "/v1/none/app", "/v1/sys/mounts"] {
        assert_eq!(client.expect(403, "GET", path, None)?.json()?, json!({"errors": [DENIED]}), "{path}");
    }
    for path in ["/v1/one/app", "/v1/one/none"] {
        let reply = world.server.client().expect(403, "GET", path, None)?.json()?;
        assert_eq!(reply, json!({"errors": ["permission denied"]}), "{path}");
    }
    let unknown = world.server.client().with_token("hvs.nobody").expect(403, "GET", "/v1/one/app", None)?.json()?;
    ensure!(text(&unknown, "/errors/0")?.contains("permission denied"), "{unknown}");
    Ok(())
}

/// People type what they were given, in hex or in base64.
#[test]
fn gotcha_19_an_unseal_key_is_hex_or_base64() -> Result<()> {
    let mut world = World::new()?;
    let bytes = HEXLOWER.decode(world.keys.unseal_key.as_bytes())?;
    for key in [world.keys.unseal_key.clone(), world.keys.unseal_key.to_uppercase(), BASE64.encode(&bytes)] {
        world.root.expect(204, "PUT", "/v1/sys/seal", None)?;
        let reply = world.root.expect(200, "PUT", "/v1/sys/unseal", Some(&json!({ "key": key })))?.json()?;
        assert_eq!(reply["sealed"], json!(false));
    }
    world.root.expect(204, "PUT", "/v1/sys/seal", None)?;
    for wrong in ["", "not a key", "abcd", &HEXLOWER.encode(&[0x11; 32]), &BASE64.encode(&[0x11; 33])] {
        let reply = world.root.expect(400, "PUT", "/v1/sys/unseal", Some(&json!({ "key": wrong })))?;
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let status = world.root.expect(200, "GET", "/v1/sys/seal-status", None)?.json()?;
        assert_eq!((&status["sealed"], &status["progress"]), (&json!(true), &json!(0)), "{wrong:?}");
    }
    Ok(())
}

/// Neither is there yet: whoever calls them must hear that, with a token or without, and never a success.
#[test]
fn gotcha_20_rekey_and_generate_root_ask_for_no_token() -> Result<()> {
    let world = World::new()?;
    let mut stranger = world.server.client();
    for path in ["/v1/sys/generate-root/attempt", "/v1/sys/rekey/init"] {
        let shown = stranger.expect(200, "GET", path, None)?.json()?;
        ensure!(shown["started"] == json!(false), "{shown}");
    }
    let path = "/v1/sys/generate-root/attempt";
    let begun = stranger.expect(200, "PUT", path, Some(&json!({})))?.json()?;
    ensure!(begun["started"] == json!(true) && begun["otp"].is_string(), "{begun}");
    stranger.expect(204, "DELETE", path, None)?;
    Ok(())
}
