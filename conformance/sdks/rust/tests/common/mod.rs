//! What the tests share.

use flk::{Computation, Record, summarise};
use std::time::UNIX_EPOCH;

/// A valid record of an epoch, unsigned.
pub fn example(epoch: u64) -> Record {
    let about = Computation { shard_id: "s1", epoch, seed: 7, sent_at: UNIX_EPOCH };
    summarise(&[[0.1, 0.2], [0.4, 0.8]], b"raw data", &about).expect("an honest record")
}
