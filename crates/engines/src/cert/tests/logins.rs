use framework::Renewing;
use rcgen::SanType;
use serde_json::{Value, json};

use super::{
    AUTHORITY, CLIENT, Made, VERSION_1, der, engine, harness, log_in, params, refused, role_of, showing, text,
};
use framework::testing::Harness;

const NOT_TRUSTED: &str = "invalid certificate or no client certificate supplied";
const NOT_FITTING: &str = "no chain matching all constraints could be found for this login certificate";

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_logs_in() {
    let harness = harness().await;
    harness
        .write(
            "certs/web",
            json!({ "certificate": AUTHORITY, "token_policies": "p", "display_name": "the web",
                "allowed_metadata_extensions": "1.2.3.4.5,1.2.3.4.6,1.2.3.4.7" }),
        )
        .await;
    let client = der(CLIENT);
    let metadata = json!({
        "cert_name": "web", "common_name": "app", "serial_number": "85968058272638546416180",
        "subject_key_id": "75:45:f1:d8:53:27:fa:22:4f:fe:c2:35:d2:26:3b:50:42:3b:3d:f5",
        "authority_key_id": "85:82:3b:7e:3d:88:68:80:37:c0:b5:cd:eb:27:8b:8c:8a:47:78:66",
        "1-2-3-4-5": "blue", "1-2-3-4-6": "020105",
    });
    for data in [json!({}), json!({ "name": "web" }), json!({ "name": " WEB" }), json!({ "name": "" })] {
        let login = log_in(&harness, &[&client], data.clone()).await["login"].take();
        assert_eq!(login["metadata"], metadata, "{data}");
        assert_eq!((&login["alias"], &login["display_name"]), (&json!("app"), &json!("the web")));
        assert_eq!((&login["terms"]["token_policies"], &login["expected"]), (&json!(["p"]), &json!(1)));
    }
    assert_eq!(log_in(&harness, &[&client], json!({ "name": "other" })).await, refused(NOT_TRUSTED));
    assert_eq!(log_in(&harness, &[&client], json!({ "name": "../web" })).await, refused(NOT_TRUSTED));
    assert_eq!(role_of(&harness, &[&der(VERSION_1)]).await, "web", "version 1 is fine for a client");
    assert_eq!(role_of(&harness, &[&der(AUTHORITY)]).await, "web", "an authority may be one, too");
}

#[tokio::test]
async fn who_shows_nothing_that_is_trusted_is_told_why() {
    let harness = harness().await;
    let client = der(CLIENT);
    assert_eq!(role_of(&harness, &[&client]).await, NOT_TRUSTED, "there is no role");
    harness.write("certs/web", json!({ "certificate": AUTHORITY })).await;
    assert_eq!(harness.write("login", json!({})).await, refused("tls connection required"));
    assert_eq!(log_in(&harness, &[], json!({})).await, refused("client certificate must be supplied"));
    assert_eq!(role_of(&harness, &[b"nonsense"]).await, NOT_TRUSTED);
    assert_eq!(role_of(&harness, &[&client[..client.len() - 1]]).await, NOT_TRUSTED);
    let root = Made::authority("Example Authority");
    assert_eq!(role_of(&harness, &[&root.sign(params("app", false)).der]).await, NOT_TRUSTED);
    harness.write("certs/web", json!({ "allowed_names": "other" })).await;
    assert_eq!(role_of(&harness, &[&client]).await, NOT_FITTING);
    harness.write("certs/made", json!({ "certificate": root.pem })).await;
    let mut late = params("late", false);
    late.not_after = rcgen::date_time_ymd(2029, 12, 1);
    let late = root.sign(late);
    let expired = "failed to verify client's certificate: x509: certificate has expired or is not yet valid";
    assert_eq!(role_of(&harness, &[&late.der]).await, expired);
    let mut server = params("server", false);
    server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let purpose = "failed to verify client's certificate: x509: certificate specifies an incompatible key usage";
    assert_eq!(role_of(&harness, &[&root.sign(server).der]).await, purpose);
    let good = root.sign(params("good", false));
    assert_eq!(
        role_of(&harness, &[&good.der, b"nonsense", &client]).await,
        "made",
        "what else is sent does not matter"
    );
}

#[tokio::test]
async fn a_chain_may_come_with_the_client_or_stand_in_the_role() {
    let harness = harness().await;
    let root = Made::authority("root");
    let below = root.sign(params("below", true));
    let client = below.sign(params("app", false));
    harness.write("certs/root", json!({ "certificate": root.pem })).await;
    assert_eq!(role_of(&harness, &[&client.der]).await, NOT_TRUSTED);
    assert_eq!(role_of(&harness, &[&client.der, &below.der]).await, "root");
    harness.write("certs/root", json!({ "certificate": format!("{}{}", root.pem, below.pem) })).await;
    assert_eq!(role_of(&harness, &[&client.der]).await, "root");
}

#[tokio::test]
async fn a_pinned_certificate_is_that_one_and_no_other() {
    let harness = harness().await;
    let root = Made::authority("root");
    let mut about = params("app", false);
    about.serial_number = Some(rcgen::SerialNumber::from(77));
    let client = root.sign(about.clone());
    harness.write("certs/zz-pinned", json!({ "certificate": client.pem })).await;
    assert_eq!(role_of(&harness, &[&client.der]).await, "zz-pinned");
    // The same number, names and authority; another key, and then another authority that only says that it is the same.
    assert_eq!(role_of(&harness, &[&root.sign(about.clone()).der]).await, NOT_TRUSTED);
    let mut same = params("root", true);
    same.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(
        x509::Certificate::parse(&client.der).map(|it| it.authority_key_id().to_vec()).expect("it was made here"),
    );
    assert_eq!(role_of(&harness, &[&Made::own(same).sign(about).der]).await, NOT_TRUSTED);
    harness.write("certs/aa-root", json!({ "certificate": root.pem })).await;
    assert_eq!(role_of(&harness, &[&client.der]).await, "zz-pinned", "the closer one comes first");
    harness.write("certs/zz-pinned", json!({ "allowed_names": "other" })).await;
    assert_eq!(role_of(&harness, &[&client.der]).await, "aa-root");
}

#[tokio::test]
async fn names_units_and_extensions_have_to_fit() {
    let harness = harness().await;
    let client = der(CLIENT);
    for (field, pattern, fits) in [
        ("allowed_names", "app", true),
        ("allowed_names", "no,app.*.com", true),
        ("allowed_names", "app@*", true),
        ("allowed_names", "spiffe://*", false),
        ("allowed_names", "APP", false),
        ("allowed_names", "ap", false),
        ("allowed_common_names", "a*", true),
        ("allowed_common_names", "app.example.com", false),
        ("allowed_dns_sans", "*.example.com", true),
        ("allowed_dns_sans", "app", false),
        ("allowed_email_sans", "app@example.com", true),
        ("allowed_email_sans", "*@example.org", false),
        ("allowed_uri_sans", "spiffe://example.com/*", true),
        ("allowed_uri_sans", "spiffe://example.com", false),
        ("allowed_organizational_units", "Two", true),
        ("allowed_organizational_units", "T*,Three", true),
        ("allowed_organizational_units", "Three", false),
        ("required_extensions", "1.2.3.4.5:blue", true),
        ("required_extensions", "1.2.3.4.5:b*", true),
        ("required_extensions", "1.2.3.4.5:red", false),
        ("required_extensions", "1.2.3.4.5", false),
        ("required_extensions", "1.2.3.4.6:*", false),
        ("required_extensions", "hex:1.2.3.4.6:020105", true),
        ("required_extensions", "hex:1.2.3.4.6:0201*", true),
        ("required_extensions", "hex:1.2.3.4.5:0C04626C7565", true),
        ("required_extensions", "1.2.3.4.5:blue,hex:1.2.3.4.6:00", false),
        ("required_extensions", "9.9.9:*", false),
    ] {
        harness.delete("certs/web").await;
        let made = harness.write("certs/web", json!({ "certificate": AUTHORITY, field: pattern })).await;
        assert_eq!(made, json!({}));
        let expected = if fits { "web" } else { NOT_FITTING };
        assert_eq!(role_of(&harness, &[&client]).await, expected, "{field} {pattern}");
        if !fits {
            let named = log_in(&harness, &[&client], json!({ "name": "web" })).await;
            assert_eq!(named, refused(NOT_FITTING), "{field} {pattern}");
        }
    }
}

#[tokio::test]
async fn the_first_role_that_fits_is_taken_and_a_damaged_one_passed_over() {
    let harness = harness().await;
    let client = der(CLIENT);
    let (other, stranger) = (Made::authority("other"), Made::authority("Example Authority"));
    for number in 0..150 {
        let pem = [&other.pem, &stranger.pem][number % 2];
        harness.write(&format!("certs/a{number:03}"), json!({ "certificate": pem })).await;
    }
    assert_eq!(role_of(&harness, &[&client]).await, NOT_TRUSTED);
    harness.write("certs/z", json!({ "certificate": AUTHORITY })).await;
    assert_eq!(role_of(&harness, &[&client]).await, "z");
    harness.write("certs/b", json!({ "certificate": AUTHORITY, "allowed_names": "other" })).await;
    harness.write("certs/c", json!({ "certificate": AUTHORITY, "allowed_names": "app" })).await;
    assert_eq!(role_of(&harness, &[&client]).await, "c");
}

#[tokio::test]
async fn nobody_is_known_by_no_name_and_metadata_of_an_alias_is_asked_for() {
    let harness = harness().await;
    let root = Made::authority("root");
    let mut nameless = params("", false);
    nameless.subject_alt_names = vec![SanType::URI("spiffe://example.com/a".try_into().expect("ASCII"))];
    let nameless = root.sign(nameless);
    harness.write("certs/root", json!({ "certificate": root.pem })).await;
    let login = log_in(&harness, &[&nameless.der], json!({})).await["login"].take();
    assert_eq!((&login["alias"], &login["metadata"]["common_name"]), (&Value::Null, &json!("")));
    let app = root.sign(params("app", false));
    let alias = async || {
        let context = showing(&harness, &[&app.der]);
        let route = harness.engine().route(framework::Operation::Update, "login").expect("a row");
        let reply = harness.engine().handle(&context, route, framework::Operation::Update, Default::default()).await;
        reply.expect("it logs in").login.expect("a login").alias.expect("an alias").metadata
    };
    assert_eq!(alias().await, None);
    harness.write("config", json!({ "enable_identity_alias_metadata": true })).await;
    assert_eq!(alias().await.expect("it was asked for")["cert_name"], "root");
}

async fn renew(harness: &Harness, note: &Value, chain: &[&[u8]], policies: &[&str]) -> Result<u64, String> {
    let note = serde_json::value::to_raw_value(note).expect("JSON is JSON");
    let renewing = Renewing::new(note, policies.iter().map(|name| (*name).to_owned()).collect());
    let renewed = harness.engine().renew_login(&showing(harness, chain), renewing).await;
    renewed.map(|it| it.terms.period_secs).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_renewal_needs_the_certificate_and_looks_at_the_role_again() {
    let harness = harness().await;
    let root = Made::authority("root");
    let (app, other) = (root.sign(params("app", false)), root.sign(params("app", false)));
    harness.write("certs/web", json!({ "certificate": root.pem, "token_policies": "a", "token_period": 60 })).await;
    let note = log_in(&harness, &[&app.der], json!({})).await["login"]["note"].take();
    let policies = ["a", "default"];
    assert_eq!(renew(&harness, &note, &[&app.der], &policies).await, Ok(60));
    harness.write("certs/web", json!({ "token_period": 90 })).await;
    assert_eq!(renew(&harness, &note, &[&app.der], &policies).await, Ok(90));
    let another = "client identity during renewal not matching client identity used during login";
    assert_eq!(renew(&harness, &note, &[&other.der], &policies).await, Err(another.to_owned()));
    let stranger = Made::authority("root").sign(params("app", false));
    assert_eq!(renew(&harness, &note, &[&stranger.der], &policies).await, Err(NOT_TRUSTED.to_owned()));
    let missing = Err("client certificate must be supplied".to_owned());
    assert_eq!(renew(&harness, &note, &[], &policies).await, missing);
    let changed = Err("policies have changed, not renewing".to_owned());
    assert_eq!(renew(&harness, &note, &[&app.der], &["b"]).await, changed);
    harness.write("certs/web", json!({ "allowed_names": "other" })).await;
    assert_eq!(renew(&harness, &note, &[&app.der], &policies).await, Err(NOT_FITTING.to_owned()));
    harness.write("config", json!({ "disable_binding": true })).await;
    assert_eq!(renew(&harness, &note, &[], &policies).await, Ok(90));
    harness.delete("certs/web").await;
    let gone = Err("role \"web\" does not exist during renewal".to_owned());
    assert_eq!(renew(&harness, &note, &[&app.der], &policies).await, gone);
}

#[tokio::test]
async fn a_role_that_does_not_open_lets_nobody_in() {
    let harness = Harness::new(engine()).await;
    harness.write("certs/web", json!({ "certificate": AUTHORITY })).await;
    let view = harness.view();
    let stored = view.get("cert/web").await.expect("memory reads").expect("it was written");
    let changes = view.changes().replace("cert/web", stored.revision(), b"no JSON".to_vec());
    changes.commit().await.expect("memory takes it");
    let reply = log_in(&harness, &[&der(CLIENT)], json!({ "name": "web" })).await;
    assert_eq!(text(&reply["error"]), "world");
}
