//! Which variable wins, and what is refused.

use std::time::Duration;

use super::{ADDRESS_DEFAULT, Config};

fn config(variables: &[(&str, &str)]) -> Result<Config, String> {
    let env = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Config::from_env(&env).map_err(|error| error.to_string())
}

#[test]
fn an_empty_environment_gives_the_defaults() {
    let config = config(&[("VAULT_ADDR", "")]).expect("valid");
    assert_eq!((config.address.as_str(), config.retries), (ADDRESS_DEFAULT, 2));
    assert_eq!(config.timeout, Duration::from_secs(60));
    assert!(config.token.is_none());
}

#[test]
fn bao_variables_win_over_vault_ones() {
    let config = config(&[
        ("VAULT_ADDR", "http://a"),
        ("BAO_ADDR", "http://b"),
        ("VAULT_TOKEN", "t"),
        ("VAULT_CLIENT_TIMEOUT", "90s"),
        ("BAO_MAX_RETRIES", "0"),
        ("VAULT_SKIP_VERIFY", "True"),
        ("BAO_NAMESPACE", "team"),
    ])
    .expect("valid");
    assert_eq!(config.address, "http://b");
    assert_eq!(config.token.expect("set").expose(), "t");
    assert_eq!((config.timeout, config.retries, config.tls.skip_verify), (Duration::from_secs(90), 0, true));
    assert_eq!(config.namespace.as_deref(), Some("team"));
}

#[test]
fn nonsense_is_refused_by_name() {
    for (name, value, problem) in [
        ("VAULT_SKIP_VERIFY", "yes", "VAULT_SKIP_VERIFY: expected true or false"),
        ("BAO_MAX_RETRIES", "101", "BAO_MAX_RETRIES: expected a number from 0 to 100"),
        ("BAO_CLIENT_TIMEOUT", "-1", "BAO_CLIENT_TIMEOUT: duration is negative"),
        ("VAULT_DISABLE_REDIRECTS", "no", "VAULT_DISABLE_REDIRECTS: expected true or false"),
        (
            "VAULT_RATE_LIMIT",
            "0",
            "VAULT_RATE_LIMIT: expected calls per second from 0.01 to 1000000, and perhaps a burst, as in 10 or 10:20",
        ),
    ] {
        assert_eq!(config(&[(name, value)]).expect_err("refused"), problem);
    }
}

#[test]
fn an_agent_that_is_named_is_called_in_place_of_the_server() {
    let config = config(&[
        ("BAO_ADDR", "http://server"),
        ("VAULT_AGENT_ADDR", "http://agent"),
        ("VAULT_DISABLE_REDIRECTS", "1"),
        ("VAULT_RATE_LIMIT", "5:7"),
        ("VAULT_CACERT_BYTES", "PEM"),
    ])
    .expect("valid");
    assert_eq!((config.address.as_str(), config.follow_redirects), ("http://agent", false));
    assert_eq!(config.rate, "5:7".parse().ok());
    assert_eq!(config.tls.ca_cert_text.as_deref(), Some("PEM"));
}
