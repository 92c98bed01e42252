//! The table of `sys/`: one file a group of endpoints. A handler gets the one or two services it needs, never the
//! core.

use std::sync::Arc;

use framework::router::TableError;
use framework::{Engine, Mounted, Path};

use crate::attempts::Attempts;
use crate::audit_log::AuditLog;
use crate::backups::Backups;
use crate::browser::Browser;
use crate::fingerprints::Holders;
use crate::metrics::MetricsPart;
use crate::mfa::Mfa;
use crate::mounts::Mounts;
use crate::node::Node;
use crate::policies::Policies;
use crate::policies::password::PasswordPolicies;
use crate::reloads::Reloads;
use crate::rotations::Rotations;
use crate::seals::Seals;
use crate::tokens::Tokens;
use crate::wrapping::Wrapping;

mod audit;
mod audit_verify;
mod capabilities;
mod cluster;
mod config;
mod config_state;
mod counters;
mod decode_token;
mod fingerprints;
pub(crate) mod generate_root;
pub(crate) mod health;
mod host;
mod internal;
mod keyring;
mod leases;
mod locked_users;
mod loggers;
mod metrics;
mod mfa;
mod monitor;
mod mounts;
mod namespaces;
mod policies;
mod quotas;
pub(crate) mod raw;
mod rekey;
mod reload;
mod remount;
mod rotations;
pub(crate) mod seal;
mod storage;
mod tools;
mod tuning;
mod wrapping;

pub(crate) use cluster::ClusterPart;
pub(crate) use config_state::ConfigPart;
pub(crate) use counters::CountersPart;
pub(crate) use host::HostPart;
pub(crate) use leases::LeasesPart;
pub(crate) use locked_users::LockoutPart;
pub(crate) use loggers::LoggersPart;
pub(crate) use monitor::MonitorPart;
pub(crate) use namespaces::NamespacesPart;
pub(crate) use quotas::QuotasPart;
pub(crate) use raw::RawPart;
pub(crate) use rekey::RekeyPart;

const HELP: &str = "The server's own endpoints: seal, mounts, policies and what is shown of its state.";

/// Everything that any endpoint needs; each sees a part.
pub(crate) struct Sys {
    pub(crate) seal: SealPart,
    pub(crate) mounts: MountsPart,
    pub(crate) leases: LeasesPart,
    pub(crate) rotations: Arc<Rotations>,
    pub(crate) namespaces: NamespacesPart,
    pub(crate) quotas: QuotasPart,
    pub(crate) lockout: LockoutPart,
    pub(crate) policies: Arc<Policies>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) wrapping: Arc<Wrapping>,
    pub(crate) mfa: Arc<Mfa>,
    pub(crate) browser: Arc<Browser>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) explain: ExplainPart,
    pub(crate) passwords: PasswordPolicies,
    pub(crate) host: HostPart,
    pub(crate) cluster: ClusterPart,
    pub(crate) monitor: MonitorPart,
    pub(crate) loggers: LoggersPart,
    pub(crate) config: ConfigPart,
    pub(crate) counters: CountersPart,
    pub(crate) reloads: Arc<Reloads>,
    pub(crate) metrics: Arc<MetricsPart>,
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) rekey: RekeyPart,
    pub(crate) recovery_rekey: RekeyPart,
    /// Of what shares authorize.
    pub(crate) openness: Openness,
    pub(crate) backups: Backups,
    pub(crate) raw: RawPart,
    pub(crate) holders: Holders,
}

/// What is asked for beside shares, where shares authorize.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Openness {
    /// Nothing.
    Open,
    /// A token.
    Token,
    /// A token with `sudo`.
    Sudo,
}

impl Openness {
    fn apply<S: Send + Sync + 'static>(self, path: Path<S>) -> Path<S> {
        match self {
            Self::Open => path.unauthenticated(),
            Self::Token => path,
            Self::Sudo => path.sudo(),
        }
    }
}

/// For what explains why a request is allowed or refused.
pub(crate) struct ExplainPart {
    pub(crate) policies: Arc<Policies>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) mounts: Arc<Mounts>,
}

/// For the endpoints that show or turn the seal.
pub(crate) struct SealPart {
    pub(crate) seals: Arc<Seals>,
    pub(crate) node: Arc<Node>,
}

/// For the endpoints about mounts: what a caller may see of them depends on the token.
pub(crate) struct MountsPart {
    pub(crate) mounts: Arc<Mounts>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) max_lease_ttl_secs: u64,
}

/// The engine of `sys/`.
pub(crate) fn engine(sys: Sys) -> Result<Arc<dyn Mounted>, TableError> {
    let raw = if sys.raw.is_wanted { raw::paths() } else { Vec::new() };
    Engine::secrets("system", HELP)
        .paths(seal::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.seal)))
        .paths(health::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.seal)))
        .paths(decode_token::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.seal)))
        .paths(keyring::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.seal)))
        .paths(generate_root::paths(sys.openness).into_iter().map(|path| path.within(|sys: &Sys| &sys.attempts)))
        .paths(rekey::barrier_paths(sys.openness).into_iter().map(|path| path.within(|sys: &Sys| &sys.rekey)))
        .paths(rekey::recovery_paths(sys.openness).into_iter().map(|path| path.within(|sys: &Sys| &sys.recovery_rekey)))
        .paths(mounts::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.mounts)))
        .paths(internal::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.mounts)))
        .paths(internal::resultant_acl::paths().into_iter().map(|path| path.within(|sys: &Sys| sys.tokens.as_ref())))
        .paths(namespaces::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.namespaces)))
        .paths(quotas::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.quotas)))
        .paths(locked_users::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.lockout)))
        .paths(remount::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.mounts)))
        .paths(leases::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.leases)))
        .paths([rotations::path().within(|sys: &Sys| &sys.rotations)])
        .paths(policies::paths().into_iter().map(|path| path.within(|sys: &Sys| sys.policies.as_ref())))
        .paths(policies::password::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.passwords)))
        .paths(policies::explain::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.explain)))
        .paths(capabilities::paths().into_iter().map(|path| path.within(|sys: &Sys| sys.tokens.as_ref())))
        .paths(wrapping::paths().into_iter().map(|path| path.within(|sys: &Sys| sys.wrapping.as_ref())))
        .paths(mfa::paths().into_iter().map(|path| path.within(|sys: &Sys| sys.mfa.as_ref())))
        .paths(config::paths().into_iter().map(|path| path.within(|sys: &Sys| sys.browser.as_ref())))
        .paths(audit::paths().into_iter().map(|path| path.within(|sys: &Sys| sys.audit.as_ref())))
        .paths(audit_verify::paths().into_iter().map(|path| path.within(|sys: &Sys| sys.audit.as_ref())))
        .paths(host::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.host)))
        .paths(cluster::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.cluster)))
        .paths(loggers::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.loggers)))
        .paths(monitor::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.monitor)))
        .paths(metrics::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.metrics)))
        .paths(counters::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.counters)))
        .paths(reload::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.reloads)))
        .paths(config_state::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.config)))
        .paths(raw.into_iter().map(|path| path.within(|sys: &Sys| &sys.raw)))
        .paths(storage::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.backups)))
        .paths(fingerprints::paths().into_iter().map(|path| path.within(|sys: &Sys| &sys.holders)))
        .paths(tools::paths().into_iter().map(|path| path.within(|_: &Sys| &())))
        .mount(sys)
}
