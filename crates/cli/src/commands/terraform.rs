//! `terraform scan`: which values in state and plan files are held by the server. It asks the server with whole values,
//! is told paths that the caller may read, and must never print a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Command, MANY};
use crate::output::{Format, print_structure};
use crate::session::Session;
use crate::terminal::INPUT_BYTES_MAX;
use crate::{Failure, table};

mod document;
mod msgpack;
mod plan;
mod zip;

use document::Values;

/// The exit code when the server holds something that was found.
const EXIT_HELD: u8 = 3;
/// The most values in one question to the server, and the most bytes.
const QUESTION_VALUES_MAX: usize = 100;
const QUESTION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest value that the server can hold, in bytes.
const VALUE_BYTES_MAX: usize = 512 * 1024;
/// How deep folders are searched.
const FOLDERS_DEEP_MAX: usize = 32;

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "terraform scan",
    arguments: "PATH...",
    arguments_min: 1,
    arguments_max: MANY,
    summary: "Find values in Terraform's files that the server holds",
    help: "Reads state files, saved plans and what \"terraform show -json\" prints; - is standard input. In a folder, and \
        below, the files whose names say tfstate or tfplan are read. Tells for each value of at least 16 characters that \
        the server holds where it stands and at which path it is held, as far as the token may read there. The value \
        itself is never printed. The token needs update on sys/fingerprints/lookup.\n\
        The exit code is 0 when nothing was found, 3 when something was, 1 for a file that cannot be read, and 2 when \
        the server does not answer.",
    flags: &[],
    run: scan,
}];

/// A value that the server holds.
struct Held {
    file: String,
    place: String,
    paths: Vec<String>,
}

fn scan(session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut values = Values::default();
    let names = session.args.positional.clone();
    let mut count = 0;
    for name in &names {
        for (name, bytes) in read(session, name)? {
            document::collect(&name, &bytes, &mut values)
                .map_err(|why| Failure::usage(format!("Error reading {name}: {why}")))?;
            count += 1;
        }
    }
    let found = ask(session, &values)?;
    let code = if found.is_empty() { 0 } else { EXIT_HELD };
    let shown = |held: &Held| json!({ "file": held.file, "place": held.place, "paths": held.paths });
    if session.format != Format::Table {
        print_structure(session, &found.iter().map(shown).collect::<Vec<_>>())?;
        return Ok(code);
    }
    if found.is_empty() {
        let text = format!(
            "None of {} values is held by the server, as far as the token may read. Files read: {count}.",
            values.len()
        );
        session.terminal.out(&text)?;
        return Ok(code);
    }
    let rows = found
        .iter()
        .flat_map(|held| held.paths.iter().map(|path| vec![held.file.clone(), held.place.clone(), path.clone()]));
    let rows: Vec<_> = rows.collect();
    session.terminal.out(&table::with_header(&["File", "Place", "Held at"], rows))?;
    Ok(code)
}

/// The files that an argument means, with what is in them.
fn read(session: &mut Session<'_>, name: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    if name == "-" {
        return Ok(vec![("standard input".to_owned(), whole(name, &mut session.terminal.stdin)?)]);
    }
    let mut files = Vec::new();
    if Path::new(name).is_dir() {
        search(Path::new(name), FOLDERS_DEEP_MAX, &mut files).map_err(|error| unreadable(name, &error))?;
    } else {
        files.push(PathBuf::from(name));
    }
    let read = |path: PathBuf| {
        let name = path.display().to_string();
        let mut file = fs::File::open(&path).map_err(|error| unreadable(&name, &error))?;
        Ok((name.clone(), whole(&name, &mut file)?))
    };
    files.into_iter().map(read).collect()
}

fn whole(name: &str, source: &mut dyn Read) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error))?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(Failure::usage(format!("Error reading {name}: it is larger than {INPUT_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    Failure::usage(format!("Error reading {name}: {error}"))
}

/// The files of Terraform in a folder, sorted. Links to folders are not followed: they may lead in a circle.
fn search(folder: &Path, deep: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if deep > 0 {
                search(&entry.path(), deep - 1, files)?;
            }
        } else if name.contains("tfstate") || name.contains("tfplan") {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Asks the server about all values, some at a time.
fn ask(session: &Session<'_>, values: &Values) -> Result<Vec<Held>, Failure> {
    let mut held = BTreeMap::new();
    let mut rest: Vec<_> = values.iter().filter(|(value, _)| value.len() <= VALUE_BYTES_MAX).collect();
    rest.reverse();
    let connection = session.connect()?;
    while !rest.is_empty() {
        let (mut some, mut bytes) = (Vec::new(), 0);
        while let Some((value, places)) = rest.pop() {
            bytes += value.len();
            some.push((value, places));
            if some.len() == QUESTION_VALUES_MAX || bytes > QUESTION_BYTES_MAX {
                break;
            }
        }
        let question = json!({ "values": some.iter().map(|(value, _)| value).collect::<Vec<_>>() });
        let reply = connection.write("sys/fingerprints/lookup", &question);
        let reply = reply.map_err(|error| Failure::api("Error asking what the server holds", &error))?;
        let data = reply.and_then(|reply| reply.data).unwrap_or_default();
        for one in data.get("held").and_then(Value::as_array).into_iter().flatten() {
            let index = one.get("value").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
            let paths = one.get("paths").and_then(Value::as_array).into_iter().flatten();
            let paths: Vec<_> = paths.filter_map(Value::as_str).map(str::to_owned).collect();
            let places: Option<&BTreeSet<_>> = index.and_then(|index| some.get(index)).map(|(_, places)| *places);
            for (file, place) in places.into_iter().flatten() {
                held.insert((file.clone(), place.clone()), paths.clone());
            }
        }
    }
    Ok(held.into_iter().map(|((file, place), paths)| Held { file, place, paths }).collect())
}

#[cfg(test)]
mod tests;
