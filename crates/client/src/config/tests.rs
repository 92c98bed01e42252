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
    ] {
        assert_eq!(config(&[(name, value)]).expect_err("refused"), problem);
    }
}
