//! The suite, run over the store in memory and over the wrappers, which must change nothing of its promises.

use std::sync::Arc;

use env::simulated;

use crate::Storage;
use crate::conformance::watches::COMMITS;
use crate::memory::Memory;

mod plain {
    use super::*;

    async fn make() -> (Arc<dyn Storage>, ()) {
        (Arc::new(Memory::with_history(COMMITS - 1)), ())
    }

    crate::conformance!(make);
}

mod through_calm_wrappers {
    use super::*;
    use crate::counting::Counting;
    use crate::faulty::Faulty;
    use crate::rival::Rival;

    async fn make() -> (Arc<dyn Storage>, ()) {
        let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
        let faulty = Arc::new(Faulty::new(counting, simulated::env(1).0));
        (Arc::new(Rival::new(faulty, 1, 0)), ())
    }

    crate::conformance!(make);
}
