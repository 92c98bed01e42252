//! Pods that log in, against the stand-in for Kubernetes' API server: the page about them as it is written, and hvac.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use e2e::development::{self, Development};
use e2e::server::without_settings;
use e2e::suite::{Access, go_logs_in};
use e2e::{binary, skip};
use simulators::kubernetes::{Account, Alone};

/// A cluster with a shop, and the files that the page speaks of in a folder.
fn cluster(home: &std::path::Path) -> Result<Alone> {
    let alone = Alone::start()?;
    let cluster = &alone.server;
    let reviewer = Account { may_review: true, may_read: true, ..Account::default() };
    cluster.make_account("kube-system", "reviewer", reviewer);
    cluster.make_account("shop", "web", Account::default());
    cluster.label("shop", &[("team", "shop")]);
    let token = |namespace, name| cluster.token(namespace, name, &[]).context("there is such an account");
    std::fs::write(home.join("reviewer.jwt"), token("kube-system", "reviewer")?)?;
    std::fs::write(home.join("web.jwt"), token("shop", "web")?)?;
    std::fs::write(home.join("cluster-ca.pem"), &cluster.authority)?;
    Ok(alone)
}

#[test]
fn the_page_on_kubernetes_works_as_it_is_written() -> Result<()> {
    let Some(bash) = binary::on_path("bash") else {
        skip("the page on Kubernetes", "bash is not installed");
        return Ok(());
    };
    let text = std::fs::read_to_string(binary::workspace().join("docs/kubernetes.md"))?;
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    ensure!(commands.len() >= 12, "docs/kubernetes.md has {} commands", commands.len());
    let server = Development::start(&[])?;
    let cluster = cluster(&server.home())?;
    let mut shell = development::command(&bash, &server.home());
    let path = std::env::join_paths([server.bin(), "/usr/bin".into(), "/bin".into()])?;
    shell.env("VAULT_ADDR", &server.address).env("PATH", path).env("KUBE_HOST", cluster.server.url());
    let output = shell.args(["-euxo", "pipefail", "-c", &commands.join("\n")]).output()?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "docs/kubernetes.md ends with {}:\n{printed}{errors}", output.status);
    Ok(())
}

#[test]
fn hvac_logs_in_as_a_pod() -> Result<()> {
    let python = match binary::python() {
        Ok(python) => python,
        Err(why) => {
            skip("hvac as a pod", &why.to_string());
            return Ok(());
        }
    };
    let server = Development::start(&[])?;
    let cluster = cluster(&server.home())?;
    let script = binary::workspace().join("crates/e2e/python/kubernetes.py");
    let mut command = Command::new(python);
    command.arg(script).args([&server.address, &server.root_token]).arg(server.home()).arg(cluster.server.url());
    let output = without_settings(&mut command).env("HOME", server.home()).output().context("starting Python")?;
    let shown = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&shown));
    Ok(())
}

#[test]
fn the_go_client_logs_in_as_a_pod() -> Result<()> {
    let server = Development::start(&[])?;
    let cluster = cluster(&server.home())?;
    let access = Access {
        root_token: server.root_token.clone(),
        peer: Some(cluster.server.url()),
        folder: Some(server.home()),
        ..Access::default()
    };
    go_logs_in("login_kubernetes", &server.address, &access).with_context(|| server.process.output())
}
