use std::sync::Arc;

use framework::conformance::{self, Step};
use framework::testing::Harness;
use framework::{Mounted, Renewing};
use ldap::standin::{Record, Standin};
use serde_json::{Value, json};

use super::*;
use crate::golden;

const PEOPLE: &str = "ou=people,dc=example";
const GROUPS: &str = "ou=groups,dc=example";
const ACCOUNT: &str = "cn=reader,dc=example";
const BOB: &str = "uid=bob,ou=people,dc=example";

fn engine() -> Arc<dyn Mounted> {
    make(&Options::new()).expect("a sound table")
}

fn record(dn: &str, password: Option<&str>, base: &str, filters: &[&str], attributes: &[(&str, &[&str])]) -> Record {
    let attributes = attributes
        .iter()
        .map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| value.as_bytes().to_vec()).collect()));
    Record {
        dn: dn.to_owned(),
        password: password.map(str::to_owned),
        base: base.to_owned(),
        filters: filters.iter().map(|text| (*text).to_owned()).collect(),
        attributes: attributes.collect(),
    }
}

/// Bob, the account that searches, and two groups, one of which is Bob's.
fn people() -> Vec<Record> {
    let of_bob = format!("(|(memberUid=bob)(member={BOB})(uniqueMember={BOB}))");
    vec![
        record(ACCOUNT, Some("reads"), "", &[], &[]),
        record(BOB, Some("wonder"), PEOPLE, &["(uid=bob)"], &[("uid", &["Bob"])]),
        // As it is found at its own name.
        record(BOB, None, BOB, &["(uid=bob)"], &[("uid", &["Bob"])]),
        record("uid=twin,ou=a", Some("wonder"), PEOPLE, &["(uid=twin)"], &[("uid", &["twin"])]),
        record("uid=twin,ou=b", Some("wonder"), PEOPLE, &["(uid=twin)"], &[("uid", &["twin"])]),
        record("cn=Dev,ou=groups,dc=example", None, GROUPS, &[&of_bob], &[("cn", &["Dev"])]),
        record("cn=Ops,ou=groups,dc=example", None, GROUPS, &["(member=nobody)"], &[("cn", &["Ops"])]),
    ]
}

fn searching(url: &str) -> Value {
    json!({
        "url": url, "binddn": ACCOUNT, "bindpass": "reads", "userdn": PEOPLE, "userattr": "uid", "groupdn": GROUPS,
        "token_policies": "all",
    })
}

async fn started(config: impl FnOnce(&str) -> Value) -> (Harness, Standin) {
    let standin = Standin::start(people()).await.expect("a port of its own");
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.write("config", config(standin.url())).await, json!({}));
    (harness, standin)
}

async fn log_in(harness: &Harness, name: &str, password: &str) -> Value {
    harness.write(&format!("login/{name}"), json!({ "password": password })).await
}

fn refused(text: &str) -> Value {
    json!({ "error": "invalid", "text": text })
}

fn wrong() -> Value {
    json!({ "error": "ldap operation failed: failed to bind as user" })
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let session = [
        Step::read("config"),
        Step::write("login/bob", json!({ "password": "p" })),
        Step::write("config", json!({ "url": "ldap://127.0.0.1:1", "token_policies": "a" })),
        Step::write("config", json!({ "userdn": PEOPLE, "binddn": ACCOUNT, "bindpass": "p" })),
        Step::read("config"),
        Step::write("login/bob", json!({})),
        Step::write("users/bob", json!({ "policies": "a,b", "groups": "dev" })),
        Step::read("users/bob"),
        Step::write("groups/dev", json!({ "policies": "c" })),
        Step::read("groups/Dev"),
        Step::write("groups/ops", json!({ "policies": "c" })),
        Step::delete("groups/ops"),
        Step::write("users/ann", json!({})),
        Step::delete("users/ann"),
        Step::list("users/"),
        Step::list("groups/"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "ldap", "ldap");
}

#[tokio::test]
async fn settings_are_kept_shown_and_changed_one_by_one() {
    let harness = Harness::new(engine()).await;
    let shown = harness.read("config").await["data"].take();
    assert_eq!((&shown["url"], &shown["userattr"]), (&json!("ldap://127.0.0.1"), &json!("cn")));
    assert_eq!((&shown["tls_min_version"], &shown["request_timeout"]), (&json!("tls12"), &json!(90)));
    let written = json!({
        "url": "ldaps://a.example.com,ldap://b.example.com:1389", "binddn": ACCOUNT, "bindpass": "reads", "userattr": "SAMAccountName",
        "request_timeout": "1m", "tls_max_version": "tls13", "token_policies": "B,a", "token_ttl": "1h", "max_page_size": 500,
        "dereference_aliases": "always", "case_sensitive_names": true,
    });
    assert_eq!(harness.write("config", written).await, json!({}));
    assert_eq!(harness.write("config", json!({ "userdn": PEOPLE, "bindpass": "other" })).await, json!({}));
    let shown = harness.read("config").await["data"].take();
    for (name, value) in [
        ("binddn", json!(ACCOUNT)),
        ("userattr", json!("samaccountname")),
        ("userdn", json!(PEOPLE)),
        ("request_timeout", json!(60)),
        ("token_policies", json!(["a", "b"])),
        ("token_ttl", json!(3600)),
        ("max_page_size", json!(500)),
        ("case_sensitive_names", json!(true)),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    for hidden in ["bindpass", "client_tls_cert", "client_tls_key"] {
        assert_eq!(shown.get(hidden), None);
    }
    assert!(!shown.to_string().contains("other"), "{shown}");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_and_change_nothing() {
    let harness = Harness::new(engine()).await;
    for (written, text) in [
        (json!({ "url": "http://a" }), "invalid url: the URL must begin with ldap:// or ldaps://"),
        (json!({ "url": " , " }), "at least one url must be provided, and at most 16"),
        (json!({ "tls_min_version": "ssl3" }), "invalid 'tls_min_version'"),
        (json!({ "tls_max_version": "tls11" }), "'tls_max_version' must be tls12 or tls13: TLS below 1.2 is not safe"),
        (
            json!({ "tls_min_version": "tls13", "tls_max_version": "tls12" }),
            "'tls_max_version' must be greater than or equal to 'tls_min_version'",
        ),
        (json!({ "certificate": "none" }), "failed to parse server tls cert"),
        (json!({ "client_tls_cert": "a", "client_tls_key": "b" }), "failed to parse client X509 key pair"),
        (json!({ "client_tls_cert": "a" }), "client_tls_cert and client_tls_key must both be set or both be empty"),
        (json!({ "bindpass": "a" }), "bindpass needs a binddn"),
        (
            json!({ "userfilter": "(cn={{.UserDN}})" }),
            "error parsing userfilter: gaps in it must be {{.UserAttr}} or {{.Username}}",
        ),
        (
            json!({ "userfilter": "({{.UserAttr}}={{.Username" }),
            "error parsing userfilter: gaps in it must be {{.UserAttr}} or {{.Username}}",
        ),
        (
            json!({ "userfilter": "cn={{.Username}}" }),
            "error parsing userfilter: the parentheses of the filter do not match",
        ),
        (json!({ "groupfilter": "(a" }), "error parsing groupfilter: the parentheses of the filter do not match"),
        (json!({ "userattr": "c n" }), "'userattr' must be the name of an attribute"),
        (json!({ "groupattr": "" }), "'groupattr' must be the name of an attribute"),
        (json!({ "upndomain": "a,dc=b" }), "'upndomain' must be the name of a domain"),
        (json!({ "request_timeout": 0 }), "'request_timeout' must be 1 to 600 seconds"),
        (
            json!({ "dereference_aliases": "maybe" }),
            "'dereference_aliases' must be \"never\", \"finding\", \"searching\" or \"always\"",
        ),
        (json!({ "token_ttl": "2h", "token_max_ttl": "1h" }), "'token_ttl' cannot be greater than 'token_max_ttl'"),
    ] {
        assert_eq!(harness.write("config", written.clone()).await, refused(text), "{written}");
    }
    assert_eq!(log_in(&harness, "bob", "wonder").await, refused("ldap backend not configured"));
}

#[tokio::test]
async fn somebody_whom_the_directory_knows_gets_in_with_what_is_mapped_to_them_and_their_groups() {
    let (harness, _standin) = started(searching).await;
    harness.write("groups/dev", json!({ "policies": "Write" })).await;
    harness.write("groups/local", json!({ "policies": "run" })).await;
    harness.write("groups/ops", json!({ "policies": "no" })).await;
    harness.write("users/bob", json!({ "policies": "own", "groups": ["local", "local "] })).await;
    let reply = log_in(&harness, " BOB ", "wonder").await;
    let login = &reply["login"];
    assert_eq!((&login["alias"], &login["display_name"]), (&json!("Bob"), &json!("bob")), "{reply}");
    assert_eq!((&login["groups"], &login["metadata"]), (&json!(["local", "Dev"]), &json!({ "username": "bob" })));
    assert_eq!(login["terms"]["token_policies"], json!(["all", "own", "run", "write"]));
    assert_eq!(login["expected"], 4, "the settings, the user and two groups");
    assert_eq!(reply.get("warnings"), None);
    harness.write("config", json!({ "groupdn": "", "username_as_alias": true })).await;
    let reply = log_in(&harness, "Bob", "wonder").await;
    assert_eq!((&reply["login"]["alias"], &reply["login"]["groups"]), (&json!("bob"), &json!(["local"])));
    let text = "no LDAP groups found in groupDN \"\"; only policies from locally-defined groups available";
    assert_eq!(reply["warnings"], json!([text]));
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_told_alike_and_ask_as_often() {
    let (harness, standin) = started(searching).await;
    assert!(log_in(&harness, "bob", "wonder").await["login"].is_object());
    let asked = standin.questions();
    let base = format!("search {PEOPLE}");
    let groups = format!("search {GROUPS}");
    let account = format!("bind {ACCOUNT}");
    let bob = format!("bind {BOB}");
    assert_eq!(asked, [account.as_str(), &base, &bob, &account, &groups], "the questions of a login");
    for (name, binds) in [
        ("bob", BOB.to_owned()),
        ("nobody", format!("uid=nobody,{PEOPLE}")),
        ("twin", format!("uid=twin,{PEOPLE}")),
        ("b*", format!("uid=b*,{PEOPLE}")),
        ("*", format!("uid=*,{PEOPLE}")),
        ("bob)(uid=*", format!("uid=bob)(uid\\=*,{PEOPLE}")),
        ("x,ou=admins", format!("uid=x\\,ou\\=admins,{PEOPLE}")),
        ("a+b", format!("uid=a\\+b,{PEOPLE}")),
    ] {
        assert_eq!(log_in(&harness, name, "other").await, wrong(), "{name}");
        assert_eq!(standin.questions(), [account.as_str(), &base, &format!("bind {binds}")], "{name}");
    }
    for name in ["a  b", "a\tb", "a\0b", &"x".repeat(513)] {
        assert_eq!(log_in(&harness, name, "wonder").await, wrong(), "{name:?}");
    }
    assert_eq!(standin.questions(), [""; 0], "nobody has such a name");
    let text = "password cannot be of zero length when passwordless binds are being denied";
    harness.write("config", json!({ "deny_null_bind": false })).await;
    assert_eq!(log_in(&harness, "bob", "").await, refused(text), "whatever the settings say");
    assert_eq!(harness.write("login/bob", json!({})).await, refused(text));
    assert_eq!(standin.questions(), [""; 0], "no password, no question");
}

#[tokio::test]
async fn without_an_account_the_name_is_bound_with_as_it_is() {
    let direct = |url: &str| json!({ "url": url, "userdn": PEOPLE, "userattr": "uid", "groupdn": GROUPS });
    let (harness, standin) = started(direct).await;
    let reply = log_in(&harness, "bob", "wonder").await;
    assert_eq!((&reply["login"]["alias"], &reply["login"]["groups"]), (&json!("Bob"), &json!(["Dev"])), "{reply}");
    let (bob, people, groups) = (format!("bind {BOB}"), format!("search {PEOPLE}"), format!("search {GROUPS}"));
    assert_eq!(standin.questions(), [bob.as_str(), &format!("search {BOB}"), &groups]);
    assert_eq!(log_in(&harness, "nobody", "wonder").await, wrong());
    assert_eq!(standin.questions().len(), 1);
    harness.write("config", json!({ "anonymous_group_search": true, "username_as_alias": true })).await;
    assert!(log_in(&harness, "bob", "wonder").await["login"].is_object());
    assert_eq!(standin.questions(), [bob.as_str(), "bind ", &groups]);
    harness.write("config", json!({ "discoverdn": true })).await;
    assert!(log_in(&harness, "bob", "wonder").await["login"].is_object());
    assert_eq!(standin.questions(), ["bind ", people.as_str(), &bob, "bind ", &groups]);
}

#[tokio::test]
async fn a_name_with_a_domain_is_found_by_it() {
    let at_domain = |url: &str| json!({ "url": url, "userdn": PEOPLE, "userattr": "uid", "upndomain": "example.com", "groupdn": GROUPS });
    let (harness, standin) = started(at_domain).await;
    let filter = "(userPrincipalName=bob@example.com)";
    let mut known = people();
    known.push(record("bob@example.com", Some("wonder"), "", &[], &[]));
    known.push(record(BOB, None, PEOPLE, &[filter], &[("uid", &["bob"])]));
    standin.know(known);
    let reply = log_in(&harness, "bob", "wonder").await;
    assert_eq!((&reply["login"]["alias"], &reply["login"]["groups"]), (&json!("bob"), &json!(["Dev"])), "{reply}");
    assert_eq!(standin.questions()[0], "bind bob@example.com");
}

#[tokio::test]
async fn who_binds_by_a_name_is_nobody_else_whom_the_filter_finds() {
    let by_name = |url: &str| json!({ "url": url, "userdn": PEOPLE, "userattr": "cn", "userfilter": "(uid={{.Username}})", "groupdn": GROUPS });
    let (harness, standin) = started(by_name).await;
    let of_robert = "(|(memberUid=bob)(member=cn=Robert,ou=people)(uniqueMember=cn=Robert,ou=people))";
    standin.know(vec![
        // Ann has Bob's login for a name, and a password of her own.
        record("cn=bob,ou=people,dc=example", Some("ann's"), "", &[], &[]),
        record("cn=Robert,ou=people", Some("wonder"), PEOPLE, &["(uid=bob)"], &[("cn", &["Robert"])]),
        record("cn=Ops,ou=groups,dc=example", None, GROUPS, &[of_robert], &[("cn", &["Ops"])]),
    ]);
    assert_eq!(log_in(&harness, "bob", "ann's").await, wrong());
    harness.write("config", json!({ "upndomain": "example.com" })).await;
    standin.know(vec![
        record("bob@example.com", Some("ann's"), "", &[], &[]),
        record("cn=Robert,ou=people", Some("wonder"), PEOPLE, &["(uid=bob)"], &[("cn", &["Robert"])]),
    ]);
    assert_eq!(log_in(&harness, "bob", "ann's").await, wrong());
}

#[tokio::test]
async fn whom_the_filter_leaves_out_is_nobody_however_they_bind() {
    for settings in [
        json!({}),
        json!({ "username_as_alias": true }),
        json!({ "upndomain": "example.com" }),
        json!({ "upndomain": "example.com", "username_as_alias": true }),
        json!({ "discoverdn": true, "username_as_alias": true }),
    ] {
        let direct = |url: &str| json!({ "url": url, "userdn": PEOPLE, "userattr": "uid", "userfilter": "(&(uid={{.Username}})(!(locked=TRUE)))" });
        let (harness, standin) = started(direct).await;
        assert_eq!(harness.write("config", settings.clone()).await, json!({}));
        let binds = |name: &str| record(name, Some("wonder"), "", &[], &[]);
        standin.know(vec![binds(BOB), binds("bob@example.com")]);
        assert_eq!(log_in(&harness, "bob", "wonder").await, wrong(), "{settings}");
    }
}

#[tokio::test]
async fn another_spelling_that_the_directory_takes_for_the_same_is_nobody() {
    let (harness, standin) = started(searching).await;
    let mut known = people();
    known.push(record(BOB, None, PEOPLE, &[r"(uid=\ef\bd\82ob)", r"(uid=b\c3\b3b)"], &[("uid", &["Bob"])]));
    standin.know(known);
    for name in ["\u{ff42}ob", "b\u{f3}b"] {
        assert_eq!(log_in(&harness, name, "wonder").await, wrong(), "{name}");
    }
    assert!(log_in(&harness, "BOB", "wonder").await["login"].is_object());
}

#[tokio::test]
async fn groups_that_active_directory_computes_are_read_one_by_one() {
    let (harness, standin) = started(searching).await;
    let sid = b"\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00".to_vec();
    let mut known = people();
    let mut computed = record(BOB, None, BOB, &["(objectClass=*)"], &[]);
    computed.attributes.insert("tokenGroups".to_owned(), vec![sid, b"broken".to_vec()]);
    known.push(computed);
    known.push(record("CN=Nested,OU=Groups", None, "<SID=S-1-5-18>", &["(objectClass=*)"], &[]));
    standin.know(known);
    harness.write("config", json!({ "use_token_groups": true })).await;
    let reply = log_in(&harness, "bob", "wonder").await;
    assert_eq!(reply["login"]["groups"], json!(["Nested"]), "{reply}");
}

#[tokio::test]
async fn a_connection_that_was_kept_is_used_again_and_replaced_when_it_is_none_any_more() {
    let (harness, standin) = started(searching).await;
    for _ in 0..3 {
        assert!(log_in(&harness, "bob", "wonder").await["login"].is_object());
        assert_eq!(log_in(&harness, "bob", "other").await, wrong());
    }
    assert_eq!(standin.connections(), 1);
    standin.hang_up();
    assert!(log_in(&harness, "bob", "wonder").await["login"].is_object(), "over a new connection");
    assert_eq!(standin.connections(), 2);
    harness.write("config", json!({ "request_timeout": 30 })).await;
    assert!(log_in(&harness, "bob", "wonder").await["login"].is_object());
    assert_eq!(standin.connections(), 3, "what was opened under other settings is not used");
}

#[tokio::test]
async fn a_directory_that_hangs_holds_no_other_mount_up() {
    let engine = engine();
    let standin = Standin::start(people()).await.expect("a port of its own");
    let of_mount = async |uuid: &str, url: &str| {
        let harness = Harness::new(Arc::clone(&engine)).await.with_mount(|mount| uuid.clone_into(&mut mount.uuid));
        assert_eq!(harness.write("config", searching(url)).await, json!({}));
        Arc::new(harness)
    };
    // It takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ldap://{}", silent.local_addr().expect("bound"));
    let (stuck, one, other) =
        (of_mount("a", &url).await, of_mount("b", standin.url()).await, of_mount("c", standin.url()).await);
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let waiting: Vec<_> = (0..65)
        .map(|_| {
            let (stuck, sender) = (Arc::clone(&stuck), sender.clone());
            tokio::spawn(async move { sender.send(log_in(&stuck, "bob", "wonder").await) })
        })
        .collect();
    let busy = json!({ "error": "too many logins at once: try again" });
    assert_eq!(told.recv().await, Some(busy), "64 wait");
    for _ in 0..3 {
        assert!(log_in(&one, "bob", "wonder").await["login"].is_object());
        assert!(log_in(&other, "bob", "wonder").await["login"].is_object());
    }
    assert_eq!(standin.connections(), 2, "each mount keeps its own");
    for login in &waiting {
        login.abort();
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_asked_is_nobody_s_wrong_password() {
    let (harness, standin) = started(searching).await;
    let unasked = "the LDAP directory could not be asked about the user: the server's log says why";
    harness.write("config", json!({ "bindpass": "other" })).await;
    let reply = log_in(&harness, "bob", "wonder").await.to_string();
    assert!(reply.contains(unasked) && reply.contains("could not bind as the account in binddn"), "{reply}");
    harness.write("config", json!({ "url": "ldap://127.0.0.1:1" })).await;
    let reply = log_in(&harness, "bob", "wonder").await.to_string();
    assert!(reply.contains(unasked) && reply.contains("could not connect to ldap://127.0.0.1:1"), "{reply}");
    let urls = format!("ldap://127.0.0.1:1, {}", standin.url());
    harness.write("config", json!({ "url": urls, "bindpass": "reads" })).await;
    assert!(log_in(&harness, "bob", "wonder").await["login"].is_object(), "the next address answers");
}

#[tokio::test]
async fn a_renewal_asks_the_directory_again_without_the_password() {
    let (harness, standin) = started(searching).await;
    harness.write("groups/dev", json!({ "policies": "write" })).await;
    let note = log_in(&harness, "bob", "wonder").await["login"]["note"].take();
    assert!(!note.to_string().contains("wonder"), "{note}");
    let renew = async || {
        let note = serde_json::value::to_raw_value(&note).expect("JSON is JSON");
        let renewing = Renewing::new(note, ["all", "default", "write"].map(str::to_owned).to_vec());
        let renewed = harness.engine().renew_login(&harness.context(""), renewing).await;
        renewed.map(|renewed| renewed.groups.unwrap_or_default()).map_err(|error| error.to_string())
    };
    assert_eq!(renew().await, Ok(vec!["Dev".to_owned()]));
    standin.questions();
    let mut changed = people();
    changed.retain(|record| !record.dn.starts_with("cn=Dev"));
    standin.know(changed);
    assert_eq!(renew().await, Err("policies have changed, not renewing".to_owned()));
    let (account, of_people, groups) =
        (format!("bind {ACCOUNT}"), format!("search {PEOPLE}"), format!("search {GROUPS}"));
    assert_eq!(standin.questions(), [account.as_str(), &of_people, &groups]);
    standin.know(people().into_iter().filter(|record| record.dn != BOB).collect());
    assert_eq!(renew().await, Err("the directory does not tell of the user any more, not renewing".to_owned()));
    harness.write("config", json!({ "binddn": "", "bindpass": "" })).await;
    assert_eq!(renew().await, Err("the directory does not tell of the user any more, not renewing".to_owned()));
}

#[tokio::test]
async fn what_is_mapped_is_shown_in_lower_case_unless_case_counts() {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.write("users/Bob", json!({ "policies": "B,a", "groups": "Y,x" })).await, json!({}));
    assert_eq!(harness.read("users/bOB").await["data"], json!({ "groups": "x,y", "policies": ["a", "b"] }));
    assert_eq!(harness.write("groups/Domain Admins", json!({ "policies": "a" })).await, json!({}));
    assert_eq!(harness.list("groups/").await["data"]["keys"], json!(["domain admins"]));
    assert_eq!(harness.write("users/bob", json!({})).await, json!({}));
    assert_eq!(harness.read("users/bob").await["data"], json!({ "groups": "", "policies": [] }));
    assert_eq!(harness.read("users/ann").await, json!({ "error": "not found" }));
    harness.write("config", json!({ "case_sensitive_names": true })).await;
    assert_eq!(harness.read("users/Bob").await, json!({ "error": "not found" }));
    let text = "a name has 1 to 512 bytes, no control characters and no two spaces in a row";
    assert_eq!(harness.write("users/a  b", json!({})).await, refused(text));
}
