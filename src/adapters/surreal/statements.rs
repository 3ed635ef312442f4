//! The query texts. They are constant but for the shape of a list, see `list`;
//! every value is bound.

/// A sign of life that touches the data.
pub(super) const PING: &str = "SELECT VALUE id FROM checkpoint LIMIT 1";

/// The records of `$ids` that exist, of whatever table.
pub(super) const SELECT_RECORDS: &str = "SELECT * FROM $ids";

/// The records in a range of record ids, in order.
pub(super) const SELECT_RANGE: &str = "SELECT * FROM $range LIMIT $limit";

/// A batch, in one transaction; see `commit` for its variables.
pub(super) const COMMIT: &str = "
BEGIN;
LET $found = (SELECT applied, accepted_at, commits, horizon, rebuilt_at FROM ONLY $checkpoint);
IF $found != $expected { THROW 'moved' };
LET $now = (SELECT id, log, seq FROM $judged);
IF $now != $judged_as { THROW 'changed' };
INSERT INTO notes $created RETURN NONE;
DELETE $removed RETURN NONE;
DELETE $released RETURN NONE;
FOR $row IN $rows { UPSERT $row.id CONTENT $row RETURN NONE };
IF $old_horizon < $new_horizon {
    DELETE $forgotten_markers RETURN NONE;
    LET $forgotten = (SELECT VALUE id FROM deletion
        WHERE log = $log AND seq >= $old_horizon AND seq < $new_horizon);
    DELETE $forgotten RETURN NONE;
};
COMMIT;
";
