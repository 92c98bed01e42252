//! The list of behaviors as `docs/clients.md` has it: a table with a column for each client.

use anyhow::{Context as _, Result, bail, ensure};
use e2e::binary;
use e2e::suite::{CLIENTS, Client};

/// One line of the table.
pub(super) struct Behavior {
    pub(super) name: String,
    /// The clients that have it.
    pub(super) clients: Vec<Client>,
}

/// Every line of the table, in its order.
pub(super) fn behaviors() -> Result<Vec<Behavior>> {
    let text = text()?;
    let mut lines = text.lines().skip_while(|line| !line.starts_with("| behavior |"));
    let head = cells(lines.next().context("no table of behaviors")?);
    let columns: Vec<String> = CLIENTS.iter().map(Client::to_string).collect();
    ensure!(head.get(2..) == Some(columns.as_slice()), "the columns are {head:?}");
    lines.skip(1).take_while(|line| line.starts_with('|')).map(behavior).collect()
}

/// The names of the behaviors that this client has.
pub(super) fn names(client: Client) -> Result<Vec<String>> {
    let known = behaviors()?.into_iter().filter(|behavior| behavior.clients.contains(&client));
    Ok(known.map(|behavior| behavior.name).collect())
}

/// The version of this client that the page promises.
pub(super) fn version(client: Client) -> Result<String> {
    let text = text()?;
    let line = text.lines().find(|line| cells(line).first().is_some_and(|cell| names_it(cell, client)));
    let cells = cells(line.with_context(|| format!("{client} is not on the page"))?);
    cells.get(2).cloned().context("no column for the version")
}

/// Whether a line of the table of clients begins with this client.
fn names_it(cell: &str, client: Client) -> bool {
    let name = if client == Client::Go { "github.com/hashicorp/vault/api".to_owned() } else { client.to_string() };
    cell == name
}

fn text() -> Result<String> {
    let path = binary::workspace().join("docs/clients.md");
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

fn behavior(line: &str) -> Result<Behavior> {
    let cells = cells(line);
    let name = cells.first().map(|name| name.trim_matches('`').to_owned()).context("a line without a name")?;
    let mut clients = Vec::new();
    for (client, cell) in CLIENTS.into_iter().zip(cells.iter().skip(2)) {
        match cell.as_str() {
            "yes" => clients.push(client),
            "–" => {}
            other => bail!("{other:?} in the line of {name}"),
        }
    }
    ensure!(cells.len() == 2 + CLIENTS.len() && !clients.is_empty(), "the line of {name}: {cells:?}");
    Ok(Behavior { name, clients })
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}
