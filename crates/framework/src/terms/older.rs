//! The older names that settings of tokens have at the methods of Vault's first days: `policies` for `token_policies`
//! and the like. Each method takes some of them. The newer name wins where both are given, and what was last written by
//! its older name is shown by both (documented Vault behavior).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{TokenFields, or_older};

macro_rules! older_names {
    ($($older:ident = $newer:ident: $type:ty;)+) => {
        /// What came by older names; a method leaves out what it does not take.
        #[derive(Default)]
        pub struct OlderFields {
            $(
                #[doc = concat!("The older name of `", stringify!($newer), "`.")]
                pub $older: Option<$type>,
            )+
        }

        /// Which settings were last written by their older names. Stored with a user or role.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct OlderNames {
            $(
                #[doc = concat!("Whether `", stringify!($newer), "` was.")]
                pub $older: bool,
            )+
        }

        /// By which name settings came: true for the older; none for what did not come at all.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Spelling {
            $($older: Option<bool>,)+
        }

        impl TokenFields {
            /// Takes over what came by older names, where the newer ones did not come as well.
            pub fn take_older(&mut self, older: OlderFields) -> Spelling {
                Spelling { $($older: or_older(&mut self.$newer, older.$older),)+ }
            }
        }

        impl OlderNames {
            /// Takes note of the names that settings came by.
            pub fn apply(&mut self, spelling: &Spelling) {
                $(self.$older = spelling.$older.unwrap_or(self.$older);)+
            }

            /// Adds the settings that go by their older names to those that go by the newer ones.
            pub fn show(&self, shown: &mut Map<String, Value>) {
                $(
                    if self.$older && let Some(value) = shown.get(stringify!($newer)).cloned() {
                        shown.insert(stringify!($older).to_owned(), value);
                    }
                )+
            }
        }
    };
}

older_names! {
    bound_cidrs = token_bound_cidrs: Vec<String>;
    max_ttl = token_max_ttl: Duration;
    num_uses = token_num_uses: u64;
    period = token_period: Duration;
    policies = token_policies: Vec<String>;
    ttl = token_ttl: Duration;
}
