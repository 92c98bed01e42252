//! `-autocomplete-install` and `-autocomplete-uninstall`: lines in the settings of bash, zsh and fish.
//!
//! Only whole lines that this program has written are removed again, whatever else is in those files.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::{Failure, Terminal};

/// What a user wants of the shells' settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Install,
    Uninstall,
}

/// What one file of settings is to have.
struct Settings {
    shell: &'static str,
    file: PathBuf,
    lines: Vec<String>,
    /// Whether the file holds nothing else.
    is_own: bool,
}

/// Changes the shells' settings, if that is what the arguments ask for.
pub(crate) fn setup(terminal: &mut Terminal, args: &[String]) -> Option<Result<u8, Failure>> {
    let wish = match args.first()?.trim_start_matches('-') {
        "autocomplete-install" => Wish::Install,
        "autocomplete-uninstall" => Wish::Uninstall,
        _ => return None,
    };
    args.first()?.starts_with('-').then(|| change(terminal, wish))
}

fn change(terminal: &mut Terminal, wish: Wish) -> Result<u8, Failure> {
    let home = (terminal.env)("HOME").filter(|home| !home.is_empty());
    let home = PathBuf::from(home.ok_or_else(|| Failure::usage("HOME is not set: there are no settings to change"))?);
    let binary = std::env::current_exe()
        .map_err(|error| Failure::usage(format!("Could not tell where this program is: {error}")))?;
    let settings = settings(&home, &binary, &terminal.program);
    if settings.is_empty() {
        return Err(Failure::usage("There is no shell to complete in").hint(format!(
            "Settings are looked for in {0}/.bashrc, {0}/.bash_profile, {0}/.zshrc and {0}/.config/fish.",
            home.display()
        )));
    }
    for settings in &settings {
        let told = settings
            .apply(wish)
            .map_err(|error| Failure::usage(format!("Could not change {}: {error}", settings.file.display())))?;
        terminal.out(&format!("{}: {told} {}", settings.shell, settings.file.display()))?;
    }
    if wish == Wish::Install {
        terminal.out("New shells complete commands, flags and names.")?;
    }
    Ok(0)
}

/// What the shells of this user need. One that has no settings is not used.
fn settings(home: &Path, binary: &Path, program: &str) -> Vec<Settings> {
    let (quoted, mut found) = (quoted(binary), Vec::new());
    let bash = [".bashrc", ".bash_profile"].into_iter().map(|name| home.join(name)).find(|file| file.is_file());
    if let Some(file) = bash {
        found.push(Settings {
            shell: "bash",
            file,
            lines: vec![format!("complete -C {quoted} {program}")],
            is_own: false,
        });
    }
    let zsh = home.join(".zshrc");
    if zsh.is_file() {
        // zsh understands the line of bash once it is told to.
        let lines = vec![
            "autoload -U +X bashcompinit && bashcompinit".to_owned(),
            format!("complete -o nospace -C {quoted} {program}"),
        ];
        found.push(Settings { shell: "zsh", file: zsh, lines, is_own: false });
    }
    let fish = home.join(".config/fish");
    if fish.is_dir() {
        let lines = vec![
            format!("function __complete_{program}"),
            "    set -lx COMP_LINE (commandline -cp)".to_owned(),
            "    test -z (commandline -ct)".to_owned(),
            "    and set COMP_LINE \"$COMP_LINE \"".to_owned(),
            format!("    {quoted}"),
            "end".to_owned(),
            format!("complete -f -c {program} -a \"(__complete_{program})\""),
        ];
        let file = fish.join(format!("completions/{program}.fish"));
        found.push(Settings { shell: "fish", file, lines, is_own: true });
    }
    found
}

/// A path as one word of any of these shells.
fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+".contains(char);
    if path.chars().all(is_plain) { path.into_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

impl Settings {
    /// Adds or removes the lines; what was done.
    fn apply(&self, wish: Wish) -> std::io::Result<&'static str> {
        let text = match fs::read_to_string(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let is_there = |line: &&String| text.lines().any(|other| other == *line);
        match wish {
            Wish::Install if self.lines.iter().all(|line| is_there(&line)) => Ok("was there already:"),
            Wish::Install => {
                if let Some(folder) = self.file.parent() {
                    fs::create_dir_all(folder)?;
                }
                let missing: Vec<_> =
                    self.lines.iter().filter(|line| self.is_own || !is_there(line)).map(String::as_str).collect();
                let before = if self.is_own { "" } else { text.trim_end_matches('\n') };
                let glue = if before.is_empty() { "" } else { "\n" };
                fs::write(&self.file, format!("{before}{glue}{}\n", missing.join("\n")))?;
                Ok("written to")
            }
            Wish::Uninstall if !self.lines.iter().any(|line| is_there(&line)) => Ok("was not in"),
            Wish::Uninstall if self.is_own => fs::remove_file(&self.file).map(|()| "removed"),
            Wish::Uninstall => {
                // Others may need the line that has no name in it.
                let own = |line: &&str| line.starts_with("complete ") && self.lines.iter().any(|mine| mine == line);
                let kept: Vec<_> = text.lines().filter(|line| !own(line)).collect();
                let end = if kept.is_empty() { "" } else { "\n" };
                fs::write(&self.file, format!("{}{end}", kept.join("\n")))?;
                Ok("removed from")
            }
        }
    }
}
