//! The keys that Vault 2 and OpenBao 2.6 know, by stanza, as far as they are not ours.

/// Keys that change nothing here, with what to say about them beyond that.
pub(super) type Ignored = &'static [(&'static str, &'static str)];
/// Keys that cannot be obeyed and must not be passed over, with the reason.
pub(super) type Refused = &'static [(&'static str, &'static str)];

/// Top level.
pub(super) const TOP_IGNORED: Ignored = &[
    ("adaptive_overload_protection", ""),
    ("allow_unauthenticated_workflows", ""),
    ("cache_size", "it counts entries; cache_size_bytes bounds all caches together"),
    ("cluster_addr", "nodes meet in their storage"),
    ("detect_deadlocks", ""),
    ("disable_clustering", "nodes meet in their storage"),
    ("disable_mlock", "memory that holds keys is locked where the system allows it"),
    ("disable_performance_standby", "every node serves reads and writes"),
    ("disable_printable_check", ""),
    ("disable_sealwrap", ""),
    ("disable_standby_reads", "every node serves reads and writes"),
    ("enable_post_unseal_trace", ""),
    ("enable_response_header_hostname", ""),
    ("enable_response_header_raft_node_id", ""),
    ("enable_unauthenticated_access", "rekeying and generating a root token are not available in this release"),
    ("experiments", ""),
    ("ha_storage", "every node serves reads and writes from its one storage"),
    ("imprecise_lease_role_tracking", ""),
    ("initialize", "initialize the server through sys/init"),
    ("introspection_endpoint", ""),
    ("kms_library", ""),
    ("license_entitlement", "there are no licenses"),
    ("license_path", "there are no licenses"),
    ("log_file", "the log goes to standard error"),
    ("log_requests_level", ""),
    ("log_rotate_bytes", "the log goes to standard error"),
    ("log_rotate_duration", "the log goes to standard error"),
    ("log_rotate_max_files", "the log goes to standard error"),
    ("plugin", "there are no external plugins"),
    ("plugin_auto_download", "there are no external plugins"),
    ("plugin_auto_register", "there are no external plugins"),
    ("plugin_directory", "there are no external plugins"),
    ("plugin_download_behavior", "there are no external plugins"),
    ("plugin_download_max_size", "there are no external plugins"),
    ("plugin_file_permissions", "there are no external plugins"),
    ("plugin_file_uid", "there are no external plugins"),
    ("plugin_tmpdir", "there are no external plugins"),
    ("post_unseal_trace_directory", ""),
    ("raw_storage_endpoint", "sys/raw does not exist here"),
    ("replication", ""),
    ("reporting", "nothing is reported to anybody"),
    ("request", "initialize the server through sys/init"),
    ("request_limiter", ""),
    ("sentinel", ""),
    ("service_registration", ""),
    ("telemetry", ""),
    ("ui", "there is no web UI in this release"),
    ("unsafe_allow_api_audit_creation", "devices can be enabled by sys/audit"),
    ("unsafe_cross_namespace_identity", ""),
    ("unsafe_relative_paths", "dot segments in paths are always refused"),
];

/// Top level.
pub(super) const TOP_REFUSED: Refused = &[
    ("audit", "nothing would be recorded: audit devices are enabled by sys/audit in this release"),
    ("entropy", "keys would not come from that source"),
];

/// `listener "tcp"`.
pub(super) const LISTENER_IGNORED: Ignored = &[
    ("cluster_address", "nodes meet in their storage"),
    ("cors_allow_credentials", ""),
    ("cors_allowed_headers", "origins are allowed for the whole cluster, with sys/config/cors"),
    ("cors_allowed_origins", "origins are allowed for the whole cluster, with sys/config/cors"),
    ("cors_enabled", "origins are allowed for the whole cluster, with sys/config/cors"),
    ("disable_replication_status_endpoints", "there are none"),
    ("disable_request_limiter", ""),
    ("disable_unauthed_generate_root_endpoints", "neither is available in this release"),
    ("disable_unauthed_rekey_endpoints", "neither is available in this release"),
    ("disallow_metrics", ""),
    ("http_read_timeout", "max_request_duration bounds reading and answering together"),
    ("http_write_timeout", "max_request_duration bounds reading and answering together"),
    ("inflight_requests_logging", ""),
    ("max_request_json_memory", "see max_json_string_value_length and its neighbors"),
    ("max_request_json_strings", "see max_json_string_value_length and its neighbors"),
    ("max_token_header_size", ""),
    ("metrics_path", ""),
    ("profiling", ""),
    ("purpose", ""),
    ("redact_addresses", ""),
    ("redact_cluster_name", ""),
    ("redact_version", ""),
    ("telemetry", ""),
    ("tls_auto_reload", "certificates are read again on SIGHUP"),
    ("tls_cipher_suites", "the suites are fixed, all of them with forward secrecy"),
    ("tls_key_exchange_preferences", ""),
    ("tls_prefer_server_cipher_suites", "the server's order always counts"),
    ("x_forwarded_for_client_cert_header", ""),
    ("x_forwarded_for_client_cert_header_decoders", ""),
];

/// `listener "tcp"`.
pub(super) const LISTENER_REFUSED: Refused = &[
    ("chroot_namespace", "the listener would open every namespace"),
    ("metrics_only", "the listener would serve the whole API"),
    ("require_request_header", "requests without X-Vault-Request would be let through"),
    ("role", "the listener would serve the whole API"),
    ("tls_acme_ca_directory", "certificates come from files"),
    ("tls_acme_ca_root", "certificates come from files"),
    ("tls_acme_cache_path", "certificates come from files"),
    ("tls_acme_disable_alpn_challenge", "certificates come from files"),
    ("tls_acme_disable_http_challenge", "certificates come from files"),
    ("tls_acme_domains", "certificates come from files"),
    ("tls_acme_eab_key_id", "certificates come from files"),
    ("tls_acme_eab_mac_key", "certificates come from files"),
    ("tls_acme_email", "certificates come from files"),
    ("tls_acme_key_type", "certificates come from files"),
];

/// `listener "unix"`: what changes nothing there.
pub(super) const UNIX_IGNORED: Ignored = &[
    ("cluster_address", "nodes meet in their storage"),
    ("cors_allow_credentials", ""),
    ("cors_allowed_headers", "origins are allowed for the whole cluster, with sys/config/cors"),
    ("cors_allowed_origins", "origins are allowed for the whole cluster, with sys/config/cors"),
    ("cors_enabled", "origins are allowed for the whole cluster, with sys/config/cors"),
    ("disable_request_limiter", ""),
    ("disallow_metrics", ""),
    ("http_read_timeout", "max_request_duration bounds reading and answering together"),
    ("http_write_timeout", "max_request_duration bounds reading and answering together"),
    ("inflight_requests_logging", ""),
    ("max_request_json_memory", "see max_json_string_value_length and its neighbors"),
    ("max_request_json_strings", "see max_json_string_value_length and its neighbors"),
    ("max_token_header_size", ""),
    ("metrics_path", ""),
    ("profiling", ""),
    ("purpose", ""),
    ("redact_addresses", ""),
    ("redact_cluster_name", ""),
    ("redact_version", ""),
    ("telemetry", ""),
    ("tls_disable", "a Unix socket speaks no TLS; the mode of its file says who may connect"),
];

/// `listener "unix"`: what its author would believe to be in force.
pub(super) const UNIX_REFUSED: Refused = &[
    ("chroot_namespace", "the listener would open every namespace"),
    ("metrics_only", "the listener would serve the whole API"),
    ("proxy_protocol_authorized_addrs", "who connects to a Unix socket has no address"),
    ("proxy_protocol_behavior", "who connects to a Unix socket has no address"),
    ("require_request_header", "requests without X-Vault-Request would be let through"),
    ("role", "the listener would serve the whole API"),
    ("tls_cert_file", "a Unix socket speaks no TLS; the mode of its file says who may connect"),
    ("tls_client_ca_file", "a Unix socket speaks no TLS; the mode of its file says who may connect"),
    ("tls_disable_client_certs", "a Unix socket speaks no TLS; the mode of its file says who may connect"),
    ("tls_key_file", "a Unix socket speaks no TLS; the mode of its file says who may connect"),
    ("tls_require_and_verify_client_cert", "a Unix socket speaks no TLS; the mode of its file says who may connect"),
    ("x_forwarded_for_authorized_addrs", "who connects to a Unix socket has no address"),
    ("x_forwarded_for_hop_skips", "who connects to a Unix socket has no address"),
    ("x_forwarded_for_reject_not_authorized", "who connects to a Unix socket has no address"),
    ("x_forwarded_for_reject_not_present", "who connects to a Unix socket has no address"),
];

/// Any seal.
pub(super) const SEAL_IGNORED: Ignored = &[("name", ""), ("priority", "")];

/// Any seal.
pub(super) const SEAL_REFUSED: Refused = &[("disabled", "a seal cannot be migrated by configuration")];
