//! Logins: those by AppRole beside the store, which takes one commit for each; those by JWT, whose signature is verified
//! besides; what a token costs that is not stored; and what a password costs, right and wrong.

use anyhow::{Context as _, Result};
use data_encoding::BASE64URL_NOPAD;
use e2e::http::Client;
use e2e::operator::text;
use e2e::server::Tls;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize, SigningKey as _};
use serde_json::{Value, json};

use super::CONNECTIONS;
use crate::case::Case;
use crate::cores::Cores;
use crate::disk::Ceiling;
use crate::figure::Figure;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::number;
use crate::servers::Ours;
use crate::wrk::Load;

/// Measures the rows.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let ours = Ours::start(Tls::Off, Cores::Server)?;
    let ceiling = Ceiling::new(ours.home.path().join("ceiling"))?;
    let mut root = Client::new(ours.plain).with_token(&ours.keys.root_token);
    let stored = approle(&mut root, "stored", "service")?;
    let sealed = approle(&mut root, "sealed", "batch")?;
    let token = jwt(&mut root)?;
    let [by_jwt, by_jwt_sealed] = ["stored", "sealed"].map(|role| json!({ "role": role, "jwt": token }));
    userpass(&mut root)?;
    let login =
        |path: &str, body: &Value| Load { script: Some(post(body)), token: None, ..ours.load(path, CONNECTIONS, plan) };
    let mut cases = [
        Case::new("AppRole, service tokens", ours.pid(), login("/v1/auth/approle/login", &stored)),
        Case::new("AppRole, batch tokens", ours.pid(), login("/v1/auth/approle/login", &sealed)),
        Case::new("JWT, service tokens", ours.pid(), login("/v1/auth/jwt/login", &by_jwt)),
        Case::new("JWT, batch tokens", ours.pid(), login("/v1/auth/jwt/login", &by_jwt_sealed)),
        Case::new("right password", ours.pid(), login(USER, &json!({ "password": PASSWORD }))),
        Case::new("wrong password", ours.pid(), login(USER, &json!({ "password": "wrong" }))).with_refusals(),
        Case::new("nobody", ours.pid(), login(NOBODY, &json!({ "password": PASSWORD }))).with_refusals(),
    ];
    let mut commits = Figure::default();
    for _ in 0..plan.rounds {
        commits.add(ceiling.logins(CONNECTIONS, plan.time)?);
        cases.iter_mut().try_for_each(Case::turn)?;
    }
    let [stored, sealed, by_jwt, by_jwt_sealed, right, wrong, nobody] = &cases;
    let from = format!("{}; store, 32 callers: {}/s", stored.said(), number(commits.median()));
    findings.tell("AppRole login", stored.rates.over(&commits).median(), from)?;
    findings.tell("batch login", sealed.micros.median(), sealed.said())?;
    let from = format!("{}; {}", by_jwt.said(), stored.said());
    findings.tell("JWT login", by_jwt.rates.median(), from)?;
    findings.tell("JWT batch login", by_jwt_sealed.micros.median(), by_jwt_sealed.said())?;
    findings.tell("password", right.micros.median() / 1e3, format!("{}; bcrypt of cost 10", right.said()))?;
    let from = format!(
        "{} µs ÷ {} µs; for a name that nobody has {} µs",
        number(wrong.micros.median()),
        number(right.micros.median()),
        number(nobody.micros.median())
    );
    findings.tell("wrong password", wrong.micros.over(&right.micros).median(), from)
}

/// Where the user logs in.
const USER: &str = "/v1/auth/userpass/login/ada";
/// Where nobody does.
const NOBODY: &str = "/v1/auth/userpass/login/nobody";
const PASSWORD: &str = "correct horse battery staple";

/// From when until when the token for logins by JWT is valid: the years 2024 to 2100.
const ISSUED_SECS: u64 = 1_704_067_200;
const EXPIRES_SECS: u64 = 4_102_444_800;

/// Lua that posts a body.
fn post(body: &Value) -> String {
    format!("wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = [[{body}]]\n")
}

/// A role, and what logs in by it as often as one likes.
fn approle(root: &mut Client, role: &str, token_type: &str) -> Result<Value> {
    if role == "stored" {
        root.expect(204, "POST", "/v1/sys/auth/approle", Some(&json!({ "type": "approle" })))?;
    }
    let at = format!("/v1/auth/approle/role/{role}");
    let settings = json!({ "token_policies": "app", "token_ttl": "1h", "token_type": token_type });
    root.expect(204, "POST", &at, Some(&settings))?;
    let id = root.expect(200, "GET", &format!("{at}/role-id"), None)?.json()?;
    let secret = root.expect(200, "POST", &format!("{at}/secret-id"), None)?.json()?;
    let role_id = text(&id, "/data/role_id").context("the role has no id")?;
    let secret_id = text(&secret, "/data/secret_id").context("there is no secret id")?;
    Ok(json!({ "role_id": role_id, "secret_id": secret_id }))
}

/// Two roles for whoever a key of ours vouches for, and a token that it has signed.
fn jwt(root: &mut Client) -> Result<String> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    root.expect(204, "POST", "/v1/sys/auth/jwt", Some(&json!({ "type": "jwt" })))?;
    let config = json!({ "jwt_validation_pubkeys": [key.public_key_pem()] });
    root.expect(204, "POST", "/v1/auth/jwt/config", Some(&config))?;
    for (role, token_type) in [("stored", "service"), ("sealed", "batch")] {
        let settings = json!({ "role_type": "jwt", "user_claim": "sub", "bound_audiences": "bench",
            "token_policies": "app", "token_ttl": "1h", "token_type": token_type });
        root.expect(204, "POST", &format!("/v1/auth/jwt/role/{role}"), Some(&settings))?;
    }
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    let claims = json!({ "iss": "https://idp.test/", "sub": "bench@clients", "aud": "bench", "iat": ISSUED_SECS,
        "exp": EXPIRES_SECS });
    let text = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes())).join(".");
    let signature = BASE64URL_NOPAD.encode(&key.sign(text.as_bytes())?);
    Ok(format!("{text}.{signature}"))
}

/// A user who is not locked however often somebody tries: what is measured is the password.
fn userpass(root: &mut Client) -> Result<()> {
    root.expect(204, "POST", "/v1/sys/auth/userpass", Some(&json!({ "type": "userpass" })))?;
    let tune = json!({ "user_lockout_config": { "lockout_disable": true } });
    root.expect(204, "POST", "/v1/sys/auth/userpass/tune", Some(&tune))?;
    let user = json!({ "password": PASSWORD, "token_policies": "app", "token_ttl": "1h" });
    root.expect(204, "POST", "/v1/auth/userpass/users/ada", Some(&user)).map(drop)
}
