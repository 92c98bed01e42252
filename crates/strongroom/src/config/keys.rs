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
    ("experiments", ""),
    ("ha_storage", "every node serves reads and writes from its one storage"),
    ("imprecise_lease_role_tracking", ""),
    ("initialize", "initialize the server through sys/init; what is to be in force after that goes into bootstrap"),
    ("introspection_endpoint", ""),
    ("kms_library", ""),
    ("license_entitlement", "there are no licenses"),
    ("license_path", "there are no licenses"),
    ("log_requests_level", ""),
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
    ("replication", ""),
    ("reporting", "nothing is reported to anybody"),
    ("request", "requests go into the bootstrap stanza"),
    ("request_limiter", ""),
    ("sentinel", ""),
    ("service_registration", ""),
    ("ui", "there is no web UI in this release"),
    ("unsafe_allow_api_audit_creation", "devices can be enabled by sys/audit"),
    ("unsafe_cross_namespace_identity", ""),
    ("unsafe_relative_paths", "dot segments in paths are always refused"),
];

/// Top level.
pub(super) const TOP_REFUSED: Refused = &[("entropy", "keys would not come from that source")];

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
    ("inflight_requests_logging", ""),
    ("max_request_json_memory", "see max_json_string_value_length and its neighbors"),
    ("max_request_json_strings", "see max_json_string_value_length and its neighbors"),
    ("max_token_header_size", ""),
    ("purpose", ""),
    ("redact_addresses", ""),
    ("redact_cluster_name", ""),
    ("redact_version", ""),
    ("tls_auto_reload", "certificates are read again on SIGHUP"),
    ("tls_cipher_suites", "the suites are fixed, all of them with forward secrecy"),
    ("tls_key_exchange_preferences", ""),
    ("tls_prefer_server_cipher_suites", "the server's order always counts"),
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
    ("inflight_requests_logging", ""),
    ("max_request_json_memory", "see max_json_string_value_length and its neighbors"),
    ("max_request_json_strings", "see max_json_string_value_length and its neighbors"),
    ("max_token_header_size", ""),
    ("purpose", ""),
    ("redact_addresses", ""),
    ("redact_cluster_name", ""),
    ("redact_version", ""),
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

/// `telemetry`.
pub(super) const TELEMETRY_IGNORED: Ignored = &[
    ("add_lease_metrics_namespace_labels", "leases are not counted by when they end"),
    ("add_mount_point_rollback_metrics", ""),
    ("circonus_api_app", NOT_SENT),
    ("circonus_api_token", NOT_SENT),
    ("circonus_api_url", NOT_SENT),
    ("circonus_broker_id", NOT_SENT),
    ("circonus_broker_select_tag", NOT_SENT),
    ("circonus_check_display_name", NOT_SENT),
    ("circonus_check_force_metric_activation", NOT_SENT),
    ("circonus_check_id", NOT_SENT),
    ("circonus_check_instance_id", NOT_SENT),
    ("circonus_check_search_tag", NOT_SENT),
    ("circonus_check_tags", NOT_SENT),
    ("circonus_submission_interval", NOT_SENT),
    ("circonus_submission_url", NOT_SENT),
    ("dogstatsd_addr", NOT_SENT),
    ("dogstatsd_tags", NOT_SENT),
    ("filter_default", "all metrics are shown: drop what you do not want where they are collected"),
    ("lease_metrics_epsilon", "leases are not counted by when they end"),
    ("maximum_gauge_cardinality", "how many series there can be is fixed"),
    ("num_lease_metrics_buckets", "leases are not counted by when they end"),
    ("prefix_filter", "all metrics are shown: drop what you do not want where they are collected"),
    ("rollback_metrics_include_mount_point", ""),
    ("stackdriver_debug_logs", NOT_SENT),
    ("stackdriver_location", NOT_SENT),
    ("stackdriver_namespace", NOT_SENT),
    ("stackdriver_project_id", NOT_SENT),
    ("statsd_address", NOT_SENT),
    ("statsite_address", NOT_SENT),
    ("usage_gauge_period", "nothing that is stored is counted: that would take longer with each secret"),
];

const NOT_SENT: &str = "metrics are sent nowhere: read them from sys/metrics";

/// `telemetry` in a listener.
pub(super) const LISTENER_TELEMETRY_REFUSED: Refused = &[
    ("disallow_metrics", "sys/metrics would be answered all the same, to tokens that may read it"),
    ("metrics_only", "the listener would serve the whole API"),
];

/// `telemetry` in a listener.
pub(super) const LISTENER_TELEMETRY_IGNORED: Ignored = &[("metrics_path", "they are at sys/metrics")];

/// `profiling` in a listener.
pub(super) const PROFILING_IGNORED: Ignored = &[("unauthenticated_pprof_access", "there are no profiles")];
