//! The judge of commands: what becomes of a note of 1 KiB, and what is refused.

use std::hint::black_box;

use criterion::Criterion;
use daybook::domain::{Change, Command, Note, Precondition, Version, decide};
use daybook_bench::{AT, Failure, draft, id, patch};

fn main() -> Result<(), Failure> {
    let (id, draft) = (id(1)?, draft(1_000)?);
    let create = Command::Create { id: id.clone(), draft: draft.clone() };
    let Ok(Change::Created(note)) = decide(None, &create, &Precondition::None, AT) else {
        return Err("a note was not created".into());
    };
    let put = Command::Put { id: id.clone(), draft };
    let patch = Command::Patch { id: id.clone(), patch: patch()? };
    let delete = Command::Delete { id };
    let (any, other) = (Precondition::None, Precondition::VersionIn(vec![Version::FIRST.next()]));
    let cases: [(&str, Option<&Note>, &Command, &Precondition); 7] = [
        ("create", None, &create, &any),
        ("create, refused", Some(&note), &create, &any),
        ("put, replaces", Some(&note), &put, &any),
        ("patch of a title", Some(&note), &patch, &any),
        ("patch, of another version", Some(&note), &patch, &other),
        ("patch, of nothing", None, &patch, &any),
        ("delete", Some(&note), &delete, &any),
    ];
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("decide");
    for (name, current, command, precondition) in cases {
        group.bench_function(name, |bencher| {
            bencher.iter(|| decide(black_box(current), black_box(command), precondition, AT));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
