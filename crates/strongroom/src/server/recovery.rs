//! `strongroom server -recovery`: the store and the listeners of a configuration, and nothing else of it. No declarations,
//! no audit devices, no background work: what is written is what somebody asks for with the recovery token.

use std::sync::Arc;

use env::Env;
use framework::Error;
use http_api::Admission;
use server_core::{Recovery, RecoveryParts, Subsystem};

use super::arguments::Arguments;
use super::failure::Failure;
use super::log::Log;
use super::plan::{Mode, Plan};
use super::signals::Signals;
use super::{
    barrier_over, bind, log_level, node, open_store, plan, reload_listeners, reload_log, reloaded, run_listeners,
    telemetry,
};

/// Runs the node until a signal stops it.
pub(super) async fn serve(arguments: &Arguments, plan: Plan, logs: &Arc<Log>) -> Result<(), Failure> {
    let env = Env::real();
    let signals = Signals::receive().map_err(Failure::Signals)?;
    let store = open_store(&plan.storage, &env).await?;
    let telemetry = telemetry(&plan);
    let admission = Admission::new(plan.admission, &env, Arc::clone(&telemetry.load));
    let parts = RecoveryParts {
        barrier: barrier_over(&store, &plan, &env, &telemetry),
        device: plan.device(),
        env: env.clone(),
        node: node(&plan, &store),
    };
    let recovery = Arc::new(Recovery::new(parts).map_err(|error| Failure::Build(error.into()))?);
    if !recovery.is_initialized().await.map_err(Failure::Recover)? {
        let text = "the store is not initialized: there is nothing to recover";
        return Err(Failure::Recover(Error::invalid(text)));
    }
    let mut listeners = Vec::new();
    for config in &plan.listeners {
        listeners.push(bind(config, &recovery, &admission, &env).await?);
    }
    let _pid_file = plan.pid_file.as_deref().map(plan::PidFile::write).transpose()?;
    cli::print(&plan::summary(&plan, &listeners, store.kind, Mode::Recovery));
    tracing::warn!(
        "recovery mode: nobody is served, nothing ends or is swept, nothing is declared, and no audit device records \
         what is done; this log names each request with the recovery token"
    );
    let has_level = arguments.log_level.is_none();
    let reload = async |part, listeners: &_| {
        let done = match part {
            Subsystem::Log => reload_log(logs, log_level(&plan.config_paths, has_level).await).await,
            Subsystem::Listeners => reload_listeners(listeners).await,
            Subsystem::Audit | Subsystem::Declarations => Ok(()),
        };
        reloaded(part, done)
    };
    run_listeners(listeners, logs, signals, None, reload).await;
    recovery.close().await;
    if let Some(embedded) = store.embedded {
        embedded.close().await.map_err(Failure::CloseStore)?;
    }
    tracing::info!("stopped");
    Ok(())
}
