//! What a client learns from a refusal.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use vaultrs::kv1;

use crate::server::{Server, refused, unique};

pub(crate) async fn permission_denied(server: Server) -> Result<()> {
    let (client, mount) = server.mount(1).await?;
    kv1::set(&client, &mount, "one", &HashMap::from([("a", "b")])).await?;
    let stranger = server.stranger().await?;
    let errors = refused(403, "permission denied", kv1::get_raw(&stranger, &mount, "one").await)?;
    ensure!(errors == ["1 error occurred:\n\t* permission denied\n\n"], "{errors:?}");
    // What is not there is denied in the same words.
    let again = refused(403, "permission denied", kv1::get_raw(&stranger, &mount, "none").await)?;
    ensure!(again == errors, "{again:?}");
    let errors = refused(403, "permission denied", kv1::get_raw(&server.client("")?, &mount, "one").await)?;
    ensure!(errors == ["permission denied"], "{errors:?}");
    Ok(())
}

pub(crate) async fn unknown_route(server: Server) -> Result<()> {
    let path = unique("none");
    let answer = kv1::set(&server.root()?, &path, "x", &HashMap::from([("a", "b")])).await;
    let errors = refused(404, "no handler for route", answer)?;
    ensure!(errors.iter().any(|text| text.contains(&path)), "{errors:?}");
    Ok(())
}

pub(crate) async fn unsupported_operation(server: Server) -> Result<()> {
    // vaultrs's way to delete any path.
    let answer = kv1::delete(&server.root()?, "sys/internal/ui", "mounts").await;
    refused(405, "unsupported operation", answer)?;
    Ok(())
}
