//! `operator backup`: saves, checks and restores backups.
//!
//! A backup is checked here while it is written and before it gets its name, so that what has the name is whole. It
//! never prints anything of what a backup holds.

use std::path::Path;

use ::backup::file::{self, SaveError, Stop};
use ::backup::{Summary, inspect};
use client::{Method, Request};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use super::Command;
use crate::failure::chain;
use crate::flags::Flag;
use crate::offline::Restore;
use crate::output::{Format, display, print_structure};
use crate::session::Session;
use crate::{Failure, table};

const DATA: Flag = Flag::text("data", "The storage folder of a server that does not run.");

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "operator backup save",
        arguments: "FILE",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Save a backup of the server",
        help: "The server goes on meanwhile: the backup is of one moment. It is encrypted as the server's storage is, and \
               opens with the unseal keys of that moment. FILE must not exist.\n\
               With -data it is made from the files of a server that does not run; such a backup has no MAC.",
        flags: &[DATA],
        run: save,
    },
    Command {
        words: "operator backup inspect",
        arguments: "FILE",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Check that a backup is whole, and tell what it is",
        help: "Asks no server and needs no key: it finds what was cut off or damaged. Whether the cluster has made the \
               backup as it is tells \"{program} operator backup verify\".",
        flags: &[],
        run: run_inspect,
    },
    Command {
        words: "operator backup verify",
        arguments: "FILE",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Check that the cluster has made a backup as it is",
        help: "Checks the file as inspect does, then asks the server about its MAC. Exits with 1 if it is of another \
               cluster, was changed, or has no MAC.",
        flags: &[],
        run: verify,
    },
    Command {
        words: "operator backup restore",
        arguments: "FILE",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Restore a backup to the storage folder of a server that does not run",
        help: "The server then starts as of the moment of the backup, and is unsealed with the keys of then. Its tokens \
               of before are refused, so log in anew, or make a root token.",
        flags: &[
            DATA,
            Flag::switch("force", "Replace the store that is there, if it is of the same cluster."),
            Flag::switch("keep-tokens", "Let the tokens of the backup stay valid, also those revoked since."),
            Flag::switch("allow-unsigned", "Take a backup without a MAC: trust where it comes from."),
        ],
        run: restore,
    },
];

fn save(session: &mut Session<'_>) -> Result<u8, Failure> {
    let name = session.args.argument(0).unwrap_or_default().to_owned();
    let path = Path::new(&name);
    let summary = match session.args.text("data") {
        Some(folder) => {
            let saved = (session.terminal.offline.save_backup)(Path::new(folder), path);
            saved.map_err(|error| Failure::usage(format!("Error saving the backup: {}", chain(&*error))))?
        }
        None => save_over_network(session, path)?,
    };
    if session.format == Format::Table {
        session.terminal.out(&format!("Success! Saved the backup: {name}\n"))?;
    }
    print(session, &summary)
}

fn save_over_network(session: &Session<'_>, path: &Path) -> Result<Summary, Failure> {
    let connection = session.connect()?;
    let saved = file::save(path, |out| {
        let request = Request::new(Method::GET, "sys/storage/backup");
        match connection.receive(request, |bytes| out.write_all(bytes)) {
            Ok(written) => Ok(written?),
            Err(error) => Err(Stop::Source(error)),
        }
    });
    saved.map_err(|error| match &error {
        SaveError::Source(source) => Failure::api("Error saving the backup", source),
        error => Failure::usage(format!("Error saving the backup: {}", chain(error))),
    })
}

fn run_inspect(session: &mut Session<'_>) -> Result<u8, Failure> {
    let summary = read(session)?;
    print(session, &summary)
}

fn verify(session: &mut Session<'_>) -> Result<u8, Failure> {
    let summary = read(session)?;
    let Some(proof) = summary.trailer.proof else {
        return Err(Failure::usage("The backup is whole, but has no MAC: nobody can tell whether it was changed"));
    };
    let origin = json!({
        "lineage": summary.header.lineage,
        "sum": HEXLOWER.encode(&summary.sum),
        "entries": summary.trailer.entries,
        "term": proof.term,
        "mac": HEXLOWER.encode(&proof.mac),
    });
    let reply = session.connect()?.write("sys/storage/backup-verify", &origin);
    let reply = reply.map_err(|error| Failure::api("Error verifying the backup", &error))?;
    let data = reply.and_then(|reply| reply.data).unwrap_or_default();
    let says = |name: &str| data.get(name).and_then(Value::as_bool).unwrap_or_default();
    if !says("same_cluster") {
        return Err(Failure::usage("The backup is of another cluster"));
    }
    if !says("genuine") {
        return Err(Failure::usage("The backup was changed: its MAC is not the cluster's"));
    }
    session.tell("Success! The backup is as this cluster has made it.")
}

fn restore(session: &mut Session<'_>) -> Result<u8, Failure> {
    let Some(folder) = session.args.text("data") else {
        return Err(Failure::usage("Name the storage folder to restore to: -data=FOLDER"));
    };
    let order = Restore {
        file: session.args.argument(0).unwrap_or_default().into(),
        folder: folder.into(),
        replaces: session.args.is_on("force"),
        keeps_tokens: session.args.is_on("keep-tokens"),
        takes_unsigned: session.args.is_on("allow-unsigned"),
    };
    let restored = (session.terminal.offline.restore_backup)(&order);
    let restored =
        restored.map_err(|error| Failure::usage(format!("Error restoring the backup: {}", chain(&*error))))?;
    for warning in &restored.warnings {
        session.terminal.err(warning);
    }
    if session.format == Format::Table {
        let folder = order.folder.display();
        session.terminal.out(&format!("Success! Restored the backup to: {folder}\n"))?;
    }
    print(session, &restored.backup)
}

fn read(session: &Session<'_>) -> Result<Summary, Failure> {
    let name = session.args.argument(0).unwrap_or_default();
    let file = file::open(Path::new(name)).map_err(|error| Failure::usage(format!("Error reading {name}: {error}")))?;
    inspect(file).map_err(|error| Failure::usage(format!("{name}: {}", chain(&error))))
}

/// What a backup is, in an order that can be read.
fn print(session: &mut Session<'_>, summary: &Summary) -> Result<u8, Failure> {
    let Summary { header, trailer, sum, bytes } = summary;
    let fields = [
        ("made", json!(header.made)),
        ("made_by", json!(header.made_by)),
        ("cluster_id", json!(header.cluster_id)),
        ("lineage", json!(header.lineage)),
        ("position", json!(header.position)),
        ("feature_level", json!(header.feature_level)),
        ("entries", json!(trailer.entries)),
        ("sections", json!(trailer.sections)),
        ("bytes", json!(bytes)),
        ("sum", json!(HEXLOWER.encode(sum))),
        ("mac_term", json!(trailer.proof.map(|proof| proof.term))),
    ];
    if session.format != Format::Table {
        let fields: Map<String, Value> = fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        return print_structure(session, &fields);
    }
    let cell = |value: &Value| if value.is_null() { String::new() } else { display(value) };
    let rows = fields.iter().map(|(name, value)| vec![(*name).to_owned(), cell(value)]).collect();
    session.terminal.out(&table::with_header(&["Key", "Value"], rows))?;
    Ok(0)
}
