//! The query texts. They are constant but for the shape of a list, see `list`;
//! every value is bound.

/// A sign of life that touches the data.
pub(super) const PING: &str = "SELECT VALUE id FROM checkpoint LIMIT 1";

/// The records of `$ids` that exist, of whatever table.
pub(super) const SELECT_RECORDS: &str = "SELECT * FROM $ids";

/// The records in a range of record ids, in order.
pub(super) const SELECT_RANGE: &str = "SELECT * FROM $range LIMIT $limit";

/// The parts of a batch, which is one transaction; see `commit` for its variables.
/// Each statement costs a transaction as much as some notes do, so what a batch has
/// nothing for is left out. Here it begins, where the checkpoint is as expected.
const BEGIN: &str = "
BEGIN;
IF (SELECT applied, accepted_at, commits, horizon, rebuilt_at FROM ONLY $checkpoint) != $expected {
    THROW 'moved'
};
";

/// The notes are as they were judged.
const GUARD: &str = "
LET $now = (SELECT id, log, seq FROM $judged);
IF $now != $judged_as { THROW 'changed' };
";

const INSERT: &str = "INSERT INTO notes $created RETURN NONE;";

const REMOVE: &str = "DELETE $removed RETURN NONE;";

const RELEASE: &str = "DELETE $released RETURN NONE;";

/// What is there or not.
const UPSERT: &str = "FOR $row IN $rows { UPSERT $row.id CONTENT $row RETURN NONE };";

const MARK: &str = "UPSERT $marker.id CONTENT $marker RETURN NONE;";

/// What the horizon passes.
const FORGET: &str = "
DELETE $forgotten_markers RETURN NONE;
LET $forgotten = (SELECT VALUE id FROM deletion
    WHERE log = $log AND seq >= $old_horizon AND seq < $new_horizon);
DELETE $forgotten RETURN NONE;
";

const COMMIT: &str = "
UPSERT $checkpoint CONTENT $new RETURN NONE;
COMMIT;
";

/// What a batch has something for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) guards: bool,
    pub(super) inserts: bool,
    pub(super) removes: bool,
    pub(super) releases: bool,
    pub(super) upserts: bool,
    pub(super) marks: bool,
    pub(super) forgets: bool,
}

/// The text of a batch.
pub(super) fn batch(parts: Parts) -> String {
    let Parts { guards, inserts, removes, releases, upserts, marks, forgets } = parts;
    let parts = [
        (true, BEGIN),
        (guards, GUARD),
        (inserts, INSERT),
        (removes, REMOVE),
        (releases, RELEASE),
        (upserts, UPSERT),
        (marks, MARK),
        (forgets, FORGET),
        (true, COMMIT),
    ];
    parts.into_iter().filter_map(|(is_needed, part)| is_needed.then_some(part)).collect()
}
