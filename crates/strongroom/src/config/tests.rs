//! What a configuration may say, and the sentences for what it may not, as tables.

use std::time::Duration;

use framework::Openings;
use http_api::{
    AdmissionLimits, CertificateDecoder, ClientCertificates, Endpoint, ProxyBehavior, Statuses, TlsVersion,
    UnixEndpoint,
};

use serde_json::json;
use server_core::LockoutSettings;

use super::*;

/// The least that a server needs.
const LEAST: &str = "storage \"memory\" {}\nlistener \"tcp\" { tls_disable = true }\n";

fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), text: text.to_owned() }
}

#[track_caller]
fn load_text(text: &str) -> Loaded {
    parse(&[source("a.hcl", text)]).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// Reads the text as the file `a.hcl` and gives its error.
#[track_caller]
fn error(text: &str) -> String {
    parse(&[source("a.hcl", text)]).map(|_| ()).expect_err(text).to_string()
}

#[test]
fn a_full_file_becomes_a_configuration() {
    let loaded = load_text(
        r#"
        storage "embedded" { path = "/var/lib/strongroom" cache_size_bytes = "1048576" }
        listener "tcp" {
            address                      = "0.0.0.0:8200"
            tls_cert_file                = "/c.pem"
            tls_key_file                 = "/k.pem"
            tls_min_version              = "tls13"
            tls_client_ca_file           = "/ca.pem"
            tls_require_and_verify_client_cert = "true"
            http_idle_timeout            = "10m"
            http_read_header_timeout     = 5
            http_read_timeout            = "45s"
            http_write_timeout           = "2m"
            max_connections              = 100
            max_request_size             = 1024
            max_request_duration         = "30s"
            max_json_depth               = 10
            max_json_token               = "0"
            x_forwarded_for_authorized_addrs = "10.0.0.0/8, 127.0.0.1"
            x_forwarded_for_hop_skips    = 1
            x_forwarded_for_reject_not_present = false
            x_forwarded_for_client_cert_header = "X-SSL-Client-Cert"
            x_forwarded_for_client_cert_header_decoders = "URL, DER"
            custom_response_headers {
                "200"     = { "X-A" = "exact" }
                "default" = { "X-A" = ["one", "two"], "X-B" = 1 }
                "2xx"     = { "X-A" = ["class"] }
            }
        }
        listener "tcp" { address = "127.0.0.1:8300" tls_disable = 1 }
        seal "static" { current_key_id = "2026-1" current_key = "file:///run/key" }
        user_lockout "all" { lockout_threshold = "3" lockout_duration = "10m" lockout_counter_reset = 90 }
        user_lockout "ldap" { disable_lockout = "true" lockout_threshold = 0 }
        api_addr                   = "https://vault.example.com:8200/"
        cluster_name               = "east"
        default_lease_ttl          = "1h"
        max_lease_ttl              = 86400
        default_max_request_duration = "20s"
        max_requests_in_work       = 20
        max_queued_requests        = 0
        max_request_queue_duration = "3s"
        cache_size_bytes           = 4096
        disable_cache              = "f"
        log_level                  = "Warn"
        log_format                 = "json"
        log_file                   = "/var/log/strongroom/"
        log_rotate_bytes           = 1048576
        log_rotate_max_files       = "-1"
        pid_file                   = "/run/strongroom.pid"
        confinement                = "require"
        user                       = "strongroom"
        group                      = 990
        audit_dirs                 = ["/var/log/strongroom", "/mnt/audit"]
        confinement_read_dirs      = "/etc/krb5, /opt/ca"
        api_version                = "1.20.0"
        "#,
    );
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let config = loaded.config;
    let path = "/var/lib/strongroom".into();
    assert_eq!(config.storage, Storage::Embedded { path, cache_size_bytes: Some(1 << 20) });
    assert!(matches!(&config.seal, Seal::Static { current, previous: None } if current.id == "2026-1"));
    let [one, two] = config.listeners.as_slice() else { panic!("there are two listeners") };
    assert_eq!(
        (one.endpoint.to_string().as_str(), two.endpoint.to_string().as_str()),
        ("0.0.0.0:8200", "127.0.0.1:8300")
    );
    let tls = one.tls.as_ref().expect("it has certificates");
    assert_eq!((tls.version_min, tls.version_max), (TlsVersion::V1_3, TlsVersion::V1_3));
    assert_eq!(tls.client_certificates, ClientCertificates::Required { authorities_file: "/ca.pem".into() });
    assert!(two.tls.is_none());
    let secs = Duration::from_secs;
    assert_eq!((one.timeouts.idle, one.timeouts.head, one.timeouts.request), (secs(600), secs(5), secs(30)));
    assert_eq!((one.timeouts.read, one.timeouts.write, one.limits.connections), (secs(45), secs(120), 100));
    assert_eq!(two.timeouts.request, secs(20));
    let AdmissionLimits { in_work, queued, wait } = config.admission;
    assert_eq!((in_work, queued, wait), (20, AdmissionLimits::default().queued, secs(3)));
    assert_eq!((one.limits.body_bytes, one.json.depth, one.json.tokens), (1024, 10, 500_000));
    let forwarded = one.forwarded_for.as_ref().expect("it believes proxies");
    assert_eq!((forwarded.authorized.len(), forwarded.hop_skips), (2, 1));
    assert!(forwarded.rejects_unauthorized && !forwarded.rejects_absent);
    let certificate = forwarded.client_certificate.as_ref().expect("it takes certificates from them");
    assert_eq!(certificate.name, "x-ssl-client-cert");
    assert_eq!(certificate.decoders, [CertificateDecoder::Url, CertificateDecoder::Pem]);
    let headers: Vec<_> =
        one.headers.iter().map(|header| (header.statuses, header.name.as_str(), header.value.as_str())).collect();
    assert_eq!(
        headers,
        [
            (Statuses::All, "X-A", "one; two"),
            (Statuses::All, "X-B", "1"),
            (Statuses::Class(2), "X-A", "class"),
            (Statuses::One(200), "X-A", "exact"),
        ]
    );
    let all = LockoutSettings {
        threshold: Some(3),
        duration: Some(secs(600)),
        counter_reset: Some(secs(90)),
        is_disabled: None,
    };
    let ldap = LockoutSettings { is_disabled: Some(true), ..LockoutSettings::default() };
    assert_eq!(config.user_lockout, LockoutDefaults::from([("all".to_owned(), all), ("ldap".to_owned(), ldap)]));
    assert_eq!(config.api_addr.as_deref(), Some("https://vault.example.com:8200"));
    assert_eq!((config.default_lease_ttl, config.max_lease_ttl), (secs(3600), secs(86400)));
    assert_eq!((config.cache_size_bytes, config.disable_cache), (Some(4096), false));
    assert_eq!((config.log_level, config.log_format), (Some(LogLevel::Warn), Some(LogFormat::Json)));
    let file = LogFile {
        path: "/var/log/strongroom/".into(),
        rotate_bytes: Some(1 << 20),
        rotate_after: secs(24 * 3600),
        old_files_max: Some(0),
    };
    assert_eq!(config.log_file, Some(file));
    assert_eq!(config.pid_file, Some("/run/strongroom.pid".into()));
    assert_eq!(config.confinement, Confinement::Require);
    assert_eq!((config.user.as_deref(), config.group.as_deref()), (Some("strongroom"), Some("990")));
    assert_eq!(config.audit_dirs, ["/var/log/strongroom", "/mnt/audit"].map(PathBuf::from));
    assert_eq!(config.readable_dirs, ["/etc/krb5", "/opt/ca"].map(PathBuf::from));
    assert_eq!((config.cluster_name.as_deref(), config.api_version.as_deref()), (Some("east"), Some("1.20.0")));
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = load_text(LEAST).config;
    assert_eq!((config.default_lease_ttl, config.max_lease_ttl), (LEASE_TTL, LEASE_TTL));
    assert_eq!(config.listeners[0].endpoint.to_string(), "127.0.0.1:8200");
    assert!(matches!(config.seal, Seal::Shamir));
    assert_eq!(config.confinement, Confinement::Auto);
    assert_eq!(
        load_text(&format!("{LEAST} max_lease_ttl = \"1h\"")).config.default_lease_ttl,
        Duration::from_secs(3600)
    );
}

#[test]
fn json_means_the_same() {
    let config = load_text(
        r#"{"storage": {"inmem": {}}, "ui": "true",
            "listener": [{"tcp": {"address": "127.0.0.1:1", "tls_disable": "1",
                                  "custom_response_headers": [{"default": [{"X-A": ["b"]}]}]}},
                         {"tcp": {"address": "127.0.0.1:2", "tls_disable": true, "custom_response_headers": {}}}]}"#,
    );
    assert_eq!((config.config.storage, config.config.listeners.len()), (Storage::Memory, 2));
    assert_eq!(config.config.listeners[0].headers.len(), 1);
}

#[test]
fn later_files_win_and_listeners_add_up() {
    let loaded = parse(&[
        source("a.hcl", &format!("{LEAST} ui = true\ncluster_name = \"a\"\nseal \"shamir\" {{}}")),
        source("b.json", r#"{"storage": {"embedded": {"path": "/b"}}, "cluster_name": "b"}"#),
        source("c.hcl", "listener \"tcp\" {\n address = \":8300\" tls_disable = true\n}"),
    ]);
    let config = loaded.expect("the files fit together").config;
    assert!(matches!(config.storage, Storage::Embedded { .. }));
    assert_eq!(config.cluster_name.as_deref(), Some("b"));
    let addresses: Vec<_> = config.listeners.iter().map(|listener| listener.endpoint.to_string()).collect();
    assert_eq!(addresses, ["127.0.0.1:8200", "0.0.0.0:8300"]);
}

#[test]
fn addresses_are_read_as_operators_write_them() {
    for (text, expected) in [
        ("127.0.0.1:8200", "127.0.0.1:8200"),
        ("127.0.0.1", "127.0.0.1:8200"),
        ("localhost:1", "127.0.0.1:1"),
        ("localhost", "127.0.0.1:8200"),
        (":8200", "0.0.0.0:8200"),
        ("[::]:8200", "[::]:8200"),
        ("::1", "[::1]:8200"),
        ("[::1]", "[::1]:8200"),
    ] {
        let text = format!("storage \"memory\" {{}} listener \"tcp\" {{ address = \"{text}\" tls_disable = true }}");
        assert_eq!(load_text(&text).config.listeners[0].endpoint.to_string(), expected);
    }
    for bad in ["", "vault.example.com:8200", "127.0.0.1:99999", "127.0.0.1:", "{{ GetPrivateIP }}:8200"] {
        let text = format!("storage \"memory\" {{}} listener \"tcp\" {{ address = \"{bad}\" tls_disable = true }}");
        let expected = format!(
            "a.hcl, line 1: key \"address\" takes an IP address and a port, such as \"127.0.0.1:8200\" or \"[::]:8200\", not {bad:?}"
        );
        assert_eq!(error(&text), expected);
    }
}

#[test]
fn keys_without_effect_are_warned_about() {
    let loaded = load_text(
        "storage \"memory\" {}\ncluster_addr = \"https://a:8201\"\ndisable_mlock = true\ncache_size = 5\ntelemetry {\n statsd_address = \"a:1\"\n}\nlistener \"tcp\" {\n tls_disable = true\n purpose = \"api\"\n}",
    );
    assert_eq!(
        loaded.warnings,
        [
            "a.hcl, line 6: key \"statsd_address\" in telemetry has no effect here: metrics are sent nowhere: read them from sys/metrics",
            "a.hcl, line 10: key \"purpose\" in listener \"tcp\" has no effect here",
            "a.hcl, line 2: key \"cluster_addr\" at the top level has no effect here: nodes meet in their storage",
            "a.hcl, line 3: key \"disable_mlock\" at the top level has no effect here: memory that holds keys is locked where the system allows it",
            "a.hcl, line 4: key \"cache_size\" at the top level has no effect here: it counts entries; cache_size_bytes bounds all caches together",
        ]
    );
    let tls = "listener \"tcp\" { tls_cert_file = \"c\" tls_key_file = \"k\"\n tls_min_version = \"tls10\" }";
    let loaded = load_text(&format!("storage \"memory\" {{}} {tls}"));
    assert_eq!(
        loaded.warnings,
        ["a.hcl, line 2: tls_min_version \"tls10\" is taken for \"tls12\": nothing older is spoken"]
    );
}

#[test]
fn metrics_are_shown_as_the_files_say() {
    let config = load_text(LEAST).config;
    assert_eq!(config.telemetry, Telemetry::default());
    assert_eq!(config.listeners[0].openings, Openings::default(), "nothing is open unless it is said so");
    let config = load_text(
        r#"
        storage "memory" {}
        telemetry { disable_hostname = "false" metrics_prefix = "" prometheus_retention_time = 0 }
        listener "tcp" {
            tls_disable = true
            telemetry { unauthenticated_metrics_access = "true" }
        }
        listener "unix" {
            address = "/s"
            profiling { unauthenticated_in_flight_request_access = true unauthenticated_pprof_access = false }
        }"#,
    )
    .config;
    assert_eq!(config.telemetry, Telemetry { prefix: String::new(), shows_host: true, retention: None, traces: None });
    assert_eq!(config.listeners[0].openings, Openings { metrics: true, in_flight_requests: false });
    assert_eq!(config.listeners[1].openings, Openings { metrics: false, in_flight_requests: true });
    let traced = |keys: &str| load_text(&format!("{LEAST} telemetry {{ {keys} }}")).config.telemetry.traces;
    let collector = |authority: &str, path: &str, ratio, shows_paths| {
        Some(Collector { authority: authority.to_owned(), path: path.to_owned(), ratio, shows_paths })
    };
    for (keys, expected) in [
        ("otlp_traces_sample_ratio = 0.5", None),
        ("otlp_traces_endpoint = \"\"", None),
        ("otlp_traces_endpoint = \"http://127.0.0.1\"", collector("127.0.0.1:4318", "/v1/traces", 1.0, false)),
        (
            "otlp_traces_endpoint = \"http://[::1]:9/a/b\" otlp_traces_sample_ratio = \"0.01\" otlp_traces_show_paths = 1",
            collector("[::1]:9", "/a/b", 0.01, true),
        ),
    ] {
        assert_eq!(traced(keys), expected, "{keys}");
    }
    for (stanza, expected) in [
        ("telemetry { otlp_traces_endpoint = \"https://a\" }", "takes a URL such as"),
        ("telemetry { otlp_traces_endpoint = \"http://a:b\" }", "takes a URL such as"),
        ("telemetry { otlp_traces_endpoint = \"http://a:1@b\" }", "takes a URL such as"),
        ("telemetry { otlp_traces_sample_ratio = 2 }", "takes a number from 0 to 1"),
        ("telemetry { metrics_prefix = \"9a\" }", "line 1: key \"metrics_prefix\" takes letters"),
        ("telemetry { metric_prefix = \"a\" }", "line 1: unknown key \"metric_prefix\" in telemetry"),
        ("telemetry {} telemetry {}", "line 1: "),
        ("listener \"tcp\" { telemetry { disallow_metrics = true } }", "is not supported here: sys/metrics would be"),
        ("listener \"tcp\" { telemetry { unauthenticated_metric_access = true } }", "in a listener's telemetry"),
    ] {
        let text = error(stanza);
        assert!(text.contains(expected), "{stanza}: {text}");
    }
}

#[test]
fn mistakes_are_told_with_file_line_and_remedy() {
    for (text, expected) in [
        ("", "no storage is configured; write storage \"embedded\" { path = \"/var/lib/strongroom\" }"),
        ("storage \"memory\" {}", "no listener is configured; write listener \"tcp\" { … }"),
        ("ui = tru", "a.hcl, line 1, column 6: tru is not a value; text is written in double quotes"),
        ("\nstorag \"memory\" {}", "a.hcl, line 2: unknown key \"storag\" at the top level; did you mean \"storage\"?"),
        ("completely_else = 1", "a.hcl, line 1: unknown key \"completely_else\" at the top level"),
        (
            "storage \"raft\" {}",
            "a.hcl, line 1: there is no storage of kind \"raft\" here; write storage \"embedded\" { path = \"…\" }: it keeps data in a folder of this machine, in a format of its own",
        ),
        (
            "storage \"file\" {}",
            "a.hcl, line 1: there is no storage of kind \"file\" here; write storage \"embedded\" { path = \"…\" }: it keeps data in a folder of this machine, in a format of its own",
        ),
        (
            "storage \"consul\" {}",
            "a.hcl, line 1: there is no storage of kind \"consul\" here; ours are \"embedded\", which keeps data in a folder of this machine, and \"memory\", which forgets it",
        ),
        ("storage \"embedded\" {}", "a.hcl, line 1: storage \"embedded\" needs the key \"path\""),
        ("storage \"embedded\" {\n paht = \"/a\"\n}", "a.hcl, line 2: unknown key \"paht\" in storage \"embedded\""),
        ("storage \"embedded\" { path = \"\" }", "a.hcl, line 1: key \"path\" takes text, not \"\""),
        (
            "storage \"memory\" {}\nstorage \"memory\" {}",
            "a.hcl, line 2: there is a second storage stanza; a server has one",
        ),
        ("storage {}", "a.hcl, line 1, column 1: block \"storage\" takes 1 quoted label(s), found 0"),
        (
            "listener \"udp\" {}",
            "a.hcl, line 1: there is no listener of kind \"udp\" here; ours are \"tcp\" and \"unix\"",
        ),
        ("listener \"unix\" {}", "a.hcl, line 1: listener \"unix\" needs the key \"address\""),
        (
            "listener \"unix\" { address = \"/s\" socket_mode = \"0800\" }",
            "a.hcl, line 1: key \"socket_mode\" takes a file mode in octal, such as \"0600\", not \"0800\"",
        ),
        (
            "listener \"unix\" { address = \"/s\" socket_mode = \"1777\" }",
            "a.hcl, line 1: key \"socket_mode\" takes a file mode in octal, such as \"0600\", not \"1777\"",
        ),
        (
            "listener \"unix\" { address = \"/s\" tls_cert_file = \"c\" }",
            "a.hcl, line 1: key \"tls_cert_file\" is not supported here: a Unix socket speaks no TLS; the mode of its file says who may connect",
        ),
        (
            "listener \"unix\" { address = \"/s\" x_forwarded_for_hop_skips = 1 }",
            "a.hcl, line 1: key \"x_forwarded_for_hop_skips\" is not supported here: who connects to a Unix socket has no address",
        ),
        (
            "listener \"unix\" { address = \"/s\" socket_modus = 1 }",
            "a.hcl, line 1: unknown key \"socket_modus\" in listener \"unix\"; did you mean \"socket_mode\"?",
        ),
        (
            "listener \"unix\" { address = \"/s\" }\nlistener \"unix\" { address = \"/s\" socket_mode = \"666\" }",
            "a.hcl, line 2: a listener before this one has the same address /s",
        ),
        (
            "listener \"tcp\" { tls_disable = true proxy_protocol_behavior = \"always\" }",
            "a.hcl, line 1: key \"proxy_protocol_behavior\" takes use_always, allow_authorized or deny_unauthorized, not \"always\"",
        ),
        (
            "listener \"tcp\" { tls_disable = true proxy_protocol_behavior = \"allow_authorized\" }",
            "a.hcl, line 1: listener \"tcp\" needs the key \"proxy_protocol_authorized_addrs\"",
        ),
        (
            "listener \"tcp\" { tls_disable = true proxy_protocol_authorized_addrs = \"10.0.0.1\" }",
            "a.hcl, line 1: listener \"tcp\" needs the key \"proxy_protocol_behavior\"",
        ),
        (
            "listener \"tcp\" { tls_disable = true proxy_protocol_authorized_addrs = \"lb\" }",
            "a.hcl, line 1: key \"proxy_protocol_authorized_addrs\" takes IP addresses and networks such as \"10.0.0.0/8\", not \"lb\"",
        ),
        (
            "listener \"tcp\" {}",
            "a.hcl, line 1: listener \"tcp\" needs tls_cert_file and tls_key_file, or tls_disable = true for plain HTTP",
        ),
        (
            "listener \"tcp\" { tls_cert_file = \"c\" }",
            "a.hcl, line 1: listener \"tcp\" needs tls_cert_file and tls_key_file, or tls_disable = true for plain HTTP",
        ),
        (
            "listener \"tcp\" {\n tls_disabled = true }",
            "a.hcl, line 2: unknown key \"tls_disabled\" in listener \"tcp\"; did you mean \"tls_disable\"?",
        ),
        (
            "listener \"tcp\" { tls_disable = \"maybe\" }",
            "a.hcl, line 1: key \"tls_disable\" takes true or false, not \"maybe\"",
        ),
        (
            "listener \"tcp\" { tls_cert_file = \"c\" tls_key_file = \"k\" tls_min_version = \"tls13\" tls_max_version = \"tls12\" }",
            "a.hcl, line 1: tls_min_version is newer than tls_max_version",
        ),
        (
            "listener \"tcp\" { tls_max_version = \"tls11\" }",
            "a.hcl, line 1: key \"tls_max_version\" takes \"tls12\" or \"tls13\", not \"tls11\"",
        ),
        (
            "listener \"tcp\" { tls_cert_file = \"c\" tls_key_file = \"k\" tls_require_and_verify_client_cert = true }",
            "a.hcl, line 1: tls_require_and_verify_client_cert needs tls_client_ca_file: the authorities that are trusted",
        ),
        (
            "listener \"tcp\" { tls_cert_file = \"c\" tls_key_file = \"k\" tls_require_and_verify_client_cert = true tls_disable_client_certs = true }",
            "a.hcl, line 1: tls_disable_client_certs and tls_require_and_verify_client_cert exclude each other",
        ),
        (
            "listener \"tcp\" { tls_disable = true }\nlistener \"tcp\" { tls_disable = true }",
            "a.hcl, line 2: a listener before this one has the same address 127.0.0.1:8200",
        ),
        (
            "listener \"tcp\" { http_idle_timeout = \"soon\" }",
            "a.hcl, line 1: key \"http_idle_timeout\" takes a duration such as 90, \"90s\" or \"1h30m\", not \"soon\"",
        ),
        (
            "listener \"tcp\" { max_request_size = -1 }",
            "a.hcl, line 1: key \"max_request_size\" takes a number from 1 to 1073741824, or 0 for the default, not \"-1\"",
        ),
        (
            "listener \"tcp\" { max_json_depth = 100000 }",
            "a.hcl, line 1: key \"max_json_depth\" takes a number from 1 to 1000, or 0 for the default, not \"100000\"",
        ),
        (
            "listener \"tcp\" { chroot_namespace = \"a\" }",
            "a.hcl, line 1: key \"chroot_namespace\" is not supported here: the listener would open every namespace",
        ),
        (
            "listener \"tcp\" { tls_disable = true x_forwarded_for_hop_skips = 1 }",
            "a.hcl, line 1: listener \"tcp\" needs the key \"x_forwarded_for_authorized_addrs\"",
        ),
        (
            "listener \"tcp\" { tls_disable = true x_forwarded_for_client_cert_header = \"X-Cert\" }",
            "a.hcl, line 1: listener \"tcp\" needs the key \"x_forwarded_for_authorized_addrs\"",
        ),
        (
            "listener \"tcp\" { x_forwarded_for_client_cert_header = \"X-Vault-Token\" }",
            "a.hcl, line 1: key \"x_forwarded_for_client_cert_header\" takes the name of a header that means nothing else here, not \"X-Vault-Token\"",
        ),
        (
            "listener \"tcp\" { x_forwarded_for_client_cert_header_decoders = \"URL,GZIP\" }",
            "a.hcl, line 1: key \"x_forwarded_for_client_cert_header_decoders\" takes URL, BASE64, DER or RFC9440, or several with commas between them, not \"URL,GZIP\"",
        ),
        (
            "listener \"tcp\" { x_forwarded_for_authorized_addrs = [\"a\"] }",
            "a.hcl, line 1: key \"x_forwarded_for_authorized_addrs\" takes IP addresses and networks such as \"10.0.0.0/8\", not a list",
        ),
        (
            "listener \"tcp\" { custom_response_headers { \"9xx\" = { \"A\" = \"b\" } } }",
            "a.hcl, line 1: key \"custom_response_headers\" takes \"default\", a class such as \"2xx\", or a status, not \"9xx\"",
        ),
        (
            "listener \"tcp\" { custom_response_headers { \"200\" = { \"X-Vault-A\" = \"b\" } } }",
            "a.hcl, line 1: key \"X-Vault-A\" takes a name that HTTP allows and that does not start with X-Vault-, not \"b\"",
        ),
        (
            "listener \"tcp\" { custom_response_headers { \"200\" = { \"A\" = \"b\\n\" } } }",
            "a.hcl, line 1: key \"A\" takes visible ASCII, not \"b\\n\"",
        ),
        ("audit \"file\" {}", "a.hcl, line 1, column 1: block \"audit\" takes 2 quoted label(s), found 1"),
        (
            "seal \"awskms\" {}",
            "a.hcl, line 1: there is no seal of kind \"awskms\" here; ours are \"shamir\" and \"static\"",
        ),
        ("seal \"static\" { current_key_id = \"a\" }", "a.hcl, line 1: seal \"static\" needs the key \"current_key\""),
        (
            "seal \"static\" { current_key_id = \"a\" current_key = \"file:///k\" previous_key = \"file:///p\" }",
            "a.hcl, line 1: seal \"static\" needs the key \"previous_key_id\"",
        ),
        (
            "seal \"static\" { current_key = 12345 }",
            "a.hcl, line 1: key \"current_key\" takes text in quotes that is not empty, not a number",
        ),
        (
            "seal \"shamir\" { disabled = true }",
            "a.hcl, line 1: key \"disabled\" is not supported here: a seal cannot be migrated by configuration",
        ),
        (
            "api_addr = \"vault:8200\"",
            "a.hcl, line 1: key \"api_addr\" takes a URL such as \"https://vault.example.com:8200\", not \"vault:8200\"",
        ),
        (
            "api_version = \"1.21.4+ent\"",
            "a.hcl, line 1: key \"api_version\" takes a version of three numbers, such as \"1.21.4\", not \"1.21.4+ent\"",
        ),
        (
            "log_level = \"loud\"",
            "a.hcl, line 1: key \"log_level\" takes trace, debug, info, warn or error, not \"loud\"",
        ),
        ("log_format = \"xml\"", "a.hcl, line 1: key \"log_format\" takes standard or json, not \"xml\""),
        ("cluster_name { x = 1 }", "a.hcl, line 1: key \"cluster_name\" takes a string, not an object"),
    ] {
        assert_eq!(error(text), expected, "for {text:?}");
    }
    let text = format!("{LEAST} default_lease_ttl = \"2h\" max_lease_ttl = \"1h\"");
    assert_eq!(error(&text), "default_lease_ttl is longer than max_lease_ttl");
}

#[test]
fn sockets_in_the_file_system_have_a_mode_and_an_owner() {
    let text = r#"
        storage "memory" {}
        listener "tcp" { tls_disable = true }
        listener "unix" {
            address          = "/run/strongroom/api.sock"
            socket_mode      = "0660"
            socket_user      = "vault"
            socket_group     = "1001"
            max_request_size = 1024
            max_json_depth   = 7
            http_idle_timeout = "1m"
            custom_response_headers { "default" = { "X-A" = "b" } }
        }
        listener "unix" { address = "other.sock" socket_mode = "" socket_user = "" }
        default_max_request_duration = "20s""#;
    let loaded = load_text(text);
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let [_, one, two] = loaded.config.listeners.as_slice() else { panic!("there are three listeners") };
    let expected = UnixEndpoint {
        mode: 0o660,
        user: Some("vault".to_owned()),
        group: Some("1001".to_owned()),
        ..UnixEndpoint::new("/run/strongroom/api.sock")
    };
    assert_eq!(one.endpoint, Endpoint::Unix(expected));
    assert_eq!((one.limits.body_bytes, one.json.depth, one.headers.len()), (1024, 7, 1));
    assert_eq!((one.timeouts.idle, one.timeouts.request), (Duration::from_secs(60), Duration::from_secs(20)));
    assert_eq!(two.endpoint, Endpoint::Unix(UnixEndpoint::new("other.sock")));
    assert!(one.tls.is_none() && two.tls.is_none());
}

#[test]
fn proxies_may_speak_for_clients_as_the_file_says() {
    for (behavior, expected) in [
        ("use_always", ProxyBehavior::UseAlways),
        ("allow_authorized", ProxyBehavior::AllowAuthorized),
        ("deny_unauthorized", ProxyBehavior::DenyUnauthorized),
    ] {
        let text = format!(
            "storage \"memory\" {{}} listener \"tcp\" {{ tls_disable = true proxy_protocol_behavior = \"{behavior}\"
             proxy_protocol_authorized_addrs = [\"10.0.0.0/8\", \"::1\"] }}"
        );
        let config = load_text(&text).config;
        let proxy = config.listeners[0].proxy_protocol.as_ref().expect("it is set");
        assert_eq!((proxy.behavior, proxy.authorized.len()), (expected, 2));
    }
    let always =
        "storage \"memory\" {} listener \"tcp\" { tls_disable = true proxy_protocol_behavior = \"use_always\" }";
    assert!(load_text(always).config.listeners[0].proxy_protocol.is_some());
    let together =
        "storage \"memory\" {} listener \"tcp\" { tls_disable = true proxy_protocol_behavior = \"use_always\"
        x_forwarded_for_authorized_addrs = \"10.0.0.0/8\" x_forwarded_for_client_cert_header = \"x-cert\" }";
    let refusal = error(together);
    assert!(refusal.contains("anybody could say that they are the proxy"), "{refusal}");
    let empty = "storage \"memory\" {} listener \"tcp\" { tls_disable = true proxy_protocol_behavior = \"\" }";
    assert!(load_text(empty).config.listeners[0].proxy_protocol.is_none());
}

#[test]
fn every_key_of_ours_is_handled_and_no_key_is_in_two_classes() {
    let unknown = |text: &str| error(text).contains("unknown key");
    for key in server::KEYS {
        assert!(!unknown(&format!("{key} = [[]]")), "{key} is listed and not handled");
        assert!(keys::TOP_IGNORED.iter().chain(keys::TOP_REFUSED).all(|(foreign, _)| foreign != key), "{key}");
    }
    for key in listener::KEYS {
        assert!(!unknown(&format!("listener \"tcp\" {{ {key} = [[]] }}")), "{key} is listed and not handled");
        assert!(
            keys::LISTENER_IGNORED.iter().chain(keys::LISTENER_REFUSED).all(|(foreign, _)| foreign != key),
            "{key}"
        );
    }
    for key in listener::UNIX_KEYS {
        assert!(!unknown(&format!("listener \"unix\" {{ {key} = [[]] }}")), "{key} is listed and not handled");
        assert!(keys::UNIX_IGNORED.iter().chain(keys::UNIX_REFUSED).all(|(foreign, _)| foreign != key), "{key}");
    }
    for (key, _) in keys::UNIX_REFUSED {
        let text = error(&format!("listener \"unix\" {{ address = \"/s\" {key} = 1 }}"));
        assert!(text.contains("is not supported here"), "{text}");
    }
    for (key, _) in keys::UNIX_IGNORED {
        let text = format!("{LEAST} listener \"unix\" {{ address = \"/s\" {key} = 1 }}");
        assert!(load_text(&text).warnings[0].contains("has no effect here"), "{key}");
    }
    for key in telemetry::KEYS {
        assert!(!unknown(&format!("telemetry {{ {key} = [[]] }}")), "{key} is listed and not handled");
        assert!(keys::TELEMETRY_IGNORED.iter().all(|(foreign, _)| foreign != key), "{key}");
    }
    for key in ["current_key", "current_key_id", "previous_key", "previous_key_id"] {
        assert!(!unknown(&format!("seal \"static\" {{ {key} = [[]] }}")), "{key} is listed and not handled");
    }
}

#[test]
fn seal_keys_are_found_wherever_they_are() {
    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let folder = tempfile::tempdir().expect("a folder can be made");
    let key: Vec<u8> = (0..32).collect();
    for (name, bytes) in [("raw", key.as_slice()), ("hex", format!("{HEX}\n").as_bytes()), ("short", b"abc")] {
        std::fs::write(folder.path().join(name), bytes).expect("the file can be written");
    }
    let variable = |name: &str| match name {
        "KEY" => Some(BASE64.to_owned()),
        "CREDENTIALS_DIRECTORY" => Some(folder.path().display().to_string()),
        _ => None,
    };
    let source = |text: &str| {
        let text = format!("{LEAST} seal \"static\" {{ current_key_id = \"1\" current_key = \"{text}\" }}");
        let loaded = load_text(&text);
        let Seal::Static { current, .. } = loaded.config.seal else { panic!("the seal is static") };
        (current.source, loaded.warnings.len())
    };
    let file = |name: &str| format!("file://{}/{name}", folder.path().display());
    for (text, warnings) in [
        (HEX.to_owned(), 1),
        (HEX.to_uppercase(), 1),
        (BASE64.to_owned(), 1),
        (BASE64.trim_end_matches('=').to_owned(), 1),
        (file("raw"), 0),
        (file("hex"), 0),
        ("env://KEY".to_owned(), 0),
        ("credential://raw".to_owned(), 0),
    ] {
        let (source, warned) = source(&text);
        let loaded = source.load_with(&variable).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((loaded.expose().as_slice(), warned), (key.as_slice(), warnings), "for {text}");
        assert!(!format!("{source:?}").contains("0001"), "the key shows");
    }
    for (text, expected) in [
        (
            file("short"),
            format!("the seal key from file {}/short is not 32 bytes in hex or base64", folder.path().display()),
        ),
        (file("none"), format!("read the seal key from {}/none", folder.path().display())),
        ("env://NONE".to_owned(), "the environment variable NONE, which the seal key needs, is not set".to_owned()),
        ("abcd".to_owned(), "the seal key from the configuration is not 32 bytes in hex or base64".to_owned()),
    ] {
        assert_eq!(source(&text).0.load_with(&variable).map(|_| ()).expect_err(&text).to_string(), expected);
    }
}

#[test]
fn a_folder_is_read_in_the_order_of_names() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("the file can be written");
    let paths = [folder.path().to_owned()];
    let failure = load(&paths).map(|_| ()).expect_err("the folder is empty").to_string();
    assert_eq!(failure, format!("folder {} holds no .hcl and no .json file", folder.path().display()));
    write("b.hcl", "cluster_name = \"b\"");
    write("a.json", "{\"cluster_name\": \"a\"}");
    write("notes.txt", "not a configuration");
    write("c.hcl", LEAST);
    assert_eq!(load(&paths).expect("the files fit together").config.cluster_name.as_deref(), Some("b"));
    let missing = folder.path().join("none.hcl");
    let failure = load(std::slice::from_ref(&missing)).map(|_| ()).expect_err("it is not there").to_string();
    assert_eq!(failure, format!("read {}", missing.display()));
    write("d.hcl", &"#".repeat(hcl::DOCUMENT_BYTES_MAX + 10));
    assert!(matches!(load(&paths), Err(ConfigError::Text { .. })));
}

#[test]
fn the_corpus_does_not_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/config");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the checkout") {
        let bytes = std::fs::read(entry.expect("the folder can be read").path()).expect("the file can be read");
        drop(parse(&[source("corpus", &String::from_utf8_lossy(&bytes))]));
        files += 1;
    }
    assert!(files >= 10, "the corpus has {files} files");
}

#[test]
fn declarations_that_cannot_be_meant_so_are_named_with_their_line() {
    for (stanza, expected) in [
        ("secret \"kv\" {}", "a.hcl, line 3: unknown key \"secret\" in bootstrap; did you mean \"secrets\"?"),
        ("secrets \"kv\" {}", "a.hcl, line 3: a mount of bootstrap needs the key \"type\""),
        (
            "secrets \"kv\" { type = \"kv\" optoins = {} }",
            "a.hcl, line 3: unknown key \"optoins\" in a mount of bootstrap; did you mean \"options\"?",
        ),
        (
            "secrets \"kv\" { type = \"kv\" options = \"canary\" }",
            "a.hcl, line 3: key \"options\" takes an object, not a string",
        ),
        (
            "secrets \"sys/x\" { type = \"kv\" }",
            "a.hcl, line 3: secrets sys/x cannot be declared: the path belongs to the server itself",
        ),
        ("secrets \"a//b\" { type = \"kv\" }", "a.hcl, line 3: \"a//b\" is no path: give names with / between them"),
        (
            "secrets \"a/../b\" { type = \"kv\" }",
            "a.hcl, line 3: \"a/../b\" is no path: give names with / between them",
        ),
        (
            "auth \"token\" { type = \"token\" }",
            "a.hcl, line 3: auth token cannot be declared: the path belongs to the server itself; leave auth/ out of it",
        ),
        (
            "policy \"root\" { policy = \"\" }",
            "a.hcl, line 3: policy root cannot be declared: the policy is part of the server and cannot be written",
        ),
        ("audit \"a\" {}", "a.hcl, line 3: an audit device needs the key \"type\""),
        ("audit \"a\" { type = \"file\" path = \"x\" }", "a.hcl, line 3: unknown key \"path\" in an audit device"),
        (
            "audit \"a\" { type = \"file\" options { mode = 0640 } }",
            "a.hcl, line 3: key \"options\" takes an object of texts, not an object",
        ),
        ("policy \"a\" {}", "a.hcl, line 3: policy of bootstrap needs one of the keys policy or file"),
        (
            "policy \"a\" { policy = \"\" file = \"/a\" }",
            "a.hcl, line 3: policy of bootstrap needs one of the keys policy or file",
        ),
        ("namespace \"a/root\" {}", "a.hcl, line 3: namespace a/root cannot be declared: the name is reserved"),
        (
            "request \"kv/a\" { data = \"canary\" }",
            "a.hcl, line 3: key \"data\" takes an object: the body of the request, not a string",
        ),
        (
            "request \"sys/seal\" {}",
            "a.hcl, line 3: request sys/seal cannot be declared: it turns the node itself, and would do so at each unseal",
        ),
        (
            "request \"sys/audit/file\" {}",
            "a.hcl, line 3: request sys/audit/file cannot be declared: audit devices have stanzas of their own",
        ),
        (
            "request \"kv/a\" {}\n request \"/kv/a/\" {}",
            "a.hcl, line 4: request kv/a is declared already, in a.hcl, line 3",
        ),
        ("request {}", "a.hcl, line 3, column 13: block \"request\" takes 1 quoted label(s), found 0"),
    ] {
        assert_eq!(error(&format!("{LEAST}bootstrap {{ {stanza} }}")), expected, "{stanza}");
    }
    let twice = format!(
        "{LEAST}bootstrap {{ policy \"a\" {{ policy = \"\" }} }}\nbootstrap {{ policy \"a\" {{ policy = \"\" namespace = \"b\" }} }}"
    );
    assert_eq!(load_text(&twice).config.bootstrap.declarations.len(), 2, "another namespace is another place");
}

#[test]
fn audit_devices_are_declared_in_stanzas_of_their_own_or_in_bootstrap() {
    let loaded = load_text(&format!(
        r#"{LEAST}
        bootstrap {{
            policy "p" {{ policy = "" }}
            audit "second" {{ type = "file" options {{ file_path = "/l/2" log_raw = true spool_records = 5 }} }}
        }}
        audit "file" "first" {{
            description = "d"
            options {{ file_path = "/l/1" mode = "0640" }}
        }}"#
    ));
    let shown: Vec<_> =
        loaded.config.bootstrap.declarations.iter().map(|it| (it.name(), resolve(&it.fields))).collect();
    let [(second, second_fields), (first, first_fields), (policy, _)] = shown.try_into().expect("three");
    assert_eq!([second, first, policy], ["audit second", "audit first", "policy p"], "before what they record");
    let expected = |options: serde_json::Value, description: &str| json!({ "type": "file", "description": description, "local": false, "options": options });
    let value = |fields: Result<_, _>| serde_json::Value::Object(fields.expect("it needs nothing else"));
    assert_eq!(
        value(second_fields),
        expected(json!({ "file_path": "/l/2", "log_raw": "true", "spool_records": "5" }), "")
    );
    assert_eq!(value(first_fields), expected(json!({ "file_path": "/l/1", "mode": "0640" }), "d"));
    let twice = "audit \"file\" \"a\" {}\naudit \"syslog\" \"a\" {}";
    assert_eq!(error(&format!("{LEAST}{twice}")), "a.hcl, line 4: audit a is declared already, in a.hcl, line 3");
}

#[test]
fn declarations_in_json_are_the_same() {
    let loaded = load_text(
        r#"{"storage": {"inmem": {}}, "listener": [{"tcp": {"tls_disable": true}}],
            "bootstrap": {"secrets": {"kv": {"type": "kv"}},
                          "request": [{"kv/a": {"data": {"x": {"from_file": "/a"}, "y": [1, {"z": null}]}}}],
                          "namespace": {"b/c": {}, "b": {}}}}"#,
    );
    let names: Vec<_> = loaded.config.bootstrap.declarations.iter().map(Declaration::name).collect();
    assert_eq!(names, ["namespace b", "namespace b/c", "secrets kv", "request kv/a"]);
    assert_eq!(loaded.config.bootstrap.files(), [PathBuf::from("/a")]);
}
