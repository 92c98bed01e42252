//! Which of the machine's two processors runs what.

use std::process::Command;

/// Where a process may run. Two are enough for every subject: one serves, the other one asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cores {
    /// The one that the servers have, and the store and the disk while they are measured alone.
    Server,
    /// The one that makes the load.
    Load,
    /// Both, for the subject that compares them with one.
    Both,
}

impl Cores {
    /// How `taskset -c` names them.
    #[must_use]
    pub const fn list(self) -> &'static str {
        match self {
            Self::Server => "0",
            Self::Load => "1",
            Self::Both => "0,1",
        }
    }

    /// How many they are.
    #[must_use]
    pub const fn count(self) -> u32 {
        match self {
            Self::Server | Self::Load => 1,
            Self::Both => 2,
        }
    }

    /// A command that becomes another program on these cores (`exec`: the process stays the same).
    #[must_use]
    pub fn command(self) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", self.list()]);
        command
    }
}
