//! Lists, page by page.

use super::{Change, Poster, Subject, id, note, put, time};
use crate::domain::{Note, Version};
use crate::ports::{After, NoteQuery, NoteStore, Sort, SortKey};

const SORTS: [Sort; 4] = [
    Sort { key: SortKey::CreatedAt, descending: true },
    Sort { key: SortKey::CreatedAt, descending: false },
    Sort { key: SortKey::UpdatedAt, descending: true },
    Sort { key: SortKey::UpdatedAt, descending: false },
];

fn everything(sort: Sort, limit: usize) -> NoteQuery {
    NoteQuery { author: None, tag: None, sort, limit, after: None }
}

/// Notes with few times, authors and tags, and with keys that sort differently
/// as numbers, as text and regardless of case.
fn crowd() -> Vec<Note> {
    let keys = ["1", "10", "9", "0", "00", "-", "_", "A", "a", "Aa", "aA", "AA", "z-", "z_", "z"];
    let mut notes = Vec::new();
    for (index, key) in keys.into_iter().chain(["n1", "n10", "n2", "n-1"]).enumerate() {
        let at = i64::try_from(index % 3).unwrap();
        let mut note = note(key);
        note.author = ["ann", "bob", "ANN"][index % 3].to_owned();
        note.tags = [vec!["red"], vec!["red", "blue", "red"], vec![], vec!["reds"]][index % 4]
            .iter()
            .map(ToString::to_string)
            .collect();
        note.created_at = time(at / 2, u32::try_from(index % 2).unwrap());
        note.updated_at = time(at, 500);
        notes.push(note);
    }
    notes
}

/// The whole list, from pages of that size.
async fn walk(store: &dyn NoteStore, query: &NoteQuery) -> Vec<Note> {
    let mut query = query.clone();
    let mut seen = Vec::new();
    loop {
        let page = store.query(&query).await.unwrap();
        assert!(page.notes.len() <= query.limit);
        seen.extend(page.notes);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return seen,
        }
        assert!(seen.len() < 1000, "the walk does not end");
    }
}

fn expected(notes: &[Note], query: &NoteQuery) -> Vec<Note> {
    let mut listed: Vec<Note> = notes
        .iter()
        .filter(|note| query.author.as_ref().is_none_or(|author| note.author == *author))
        .filter(|note| query.tag.as_ref().is_none_or(|tag| note.tags.contains(tag)))
        .cloned()
        .collect();
    listed.sort_by(|a, b| {
        let key = |note: &Note| (query.sort.key.of(note), note.id.clone());
        if query.sort.descending { key(b).cmp(&key(a)) } else { key(a).cmp(&key(b)) }
    });
    listed
}

pub(crate) async fn every_walk_sees_every_note_once_and_in_order(subject: Subject) {
    let store = subject.connected().await;
    let notes = crowd();
    let changes: Vec<Change> = notes.iter().map(put).collect();
    Poster::new(store, 1).post(&changes).await;
    for sort in SORTS {
        for author in [None, Some("ann"), Some("ANN"), Some("an"), Some("nobody")] {
            for tag in [None, Some("red"), Some("blue"), Some("none")] {
                for limit in [1, 2, 5, notes.len(), usize::MAX] {
                    let query = NoteQuery {
                        author: author.map(str::to_owned),
                        tag: tag.map(str::to_owned),
                        ..everything(sort, limit)
                    };
                    let seen = walk(store, &query).await;
                    assert_eq!(seen, expected(&notes, &query), "{query:?}");
                }
            }
        }
    }
}

pub(crate) async fn the_last_page_has_no_next(subject: Subject) {
    let store = subject.connected().await;
    let first = store.query(&everything(SORTS[0], 1)).await.unwrap();
    assert_eq!((first.notes, first.next), (vec![], None));
    let notes = [note("a"), note("b")];
    Poster::new(store, 1).post(&[put(&notes[0]), put(&notes[1])]).await;
    let all = store.query(&everything(SORTS[1], 2)).await.unwrap();
    assert_eq!((all.notes.as_slice(), all.next), (&notes[..], None));
    let half = store.query(&everything(SORTS[1], 1)).await.unwrap();
    let place = After { at: notes[0].created_at, id: notes[0].id.clone() };
    assert_eq!((half.notes.as_slice(), half.next), (&notes[..1], Some(place)));
}

pub(crate) async fn a_place_outlives_its_note(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    poster.post(&[put(&note("a")), put(&note("b")), put(&note("c"))]).await;
    let page = store.query(&everything(SORTS[1], 2)).await.unwrap();
    poster.post(&[Change::Delete(id("b"))]).await;
    let query = NoteQuery { after: page.next, ..everything(SORTS[1], 2) };
    assert_eq!(store.query(&query).await.unwrap().notes, [note("c")]);
    let before_all = After { at: time(-1, 0), id: id("zzz") };
    let query = NoteQuery { after: Some(before_all), ..everything(SORTS[1], 2) };
    assert_eq!(store.query(&query).await.unwrap().notes, [note("a"), note("c")]);
}

pub(crate) async fn a_list_follows_changes(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    poster.post(&[put(&note("a")), put(&note("b"))]).await;
    let moved = Note {
        author: "bob".to_owned(),
        tags: vec!["three".to_owned()],
        updated_at: time(9, 0),
        version: Version::FIRST.next(),
        ..note("a")
    };
    poster.post(&[put(&moved), Change::Delete(id("b"))]).await;
    for (author, tag, found) in [
        (Some("ann"), None, vec![]),
        (Some("bob"), None, vec![moved.clone()]),
        (None, Some("one"), vec![]),
        (None, Some("three"), vec![moved.clone()]),
        (Some("bob"), Some("three"), vec![moved.clone()]),
        (Some("ann"), Some("three"), vec![]),
        (None, None, vec![moved.clone()]),
    ] {
        for sort in SORTS {
            let (author, tag) = (author.map(str::to_owned), tag.map(str::to_owned));
            let query = NoteQuery { author, tag, ..everything(sort, 10) };
            assert_eq!(store.query(&query).await.unwrap().notes, found, "{query:?}");
        }
    }
}

pub(crate) async fn tags_are_compared_exactly(subject: Subject) {
    let store = subject.connected().await;
    let tags =
        ["a\0b", "a", "A", " a", "a ", "é", "e\u{301}", "\u{1F980}", "notes:a", "'", "\"", "$a"];
    let tagged = |(index, tag): (usize, &&str)| Note {
        tags: vec!["all".to_owned(), (*tag).to_owned()],
        ..note(&format!("n{index}"))
    };
    let notes: Vec<Note> = tags.iter().enumerate().map(tagged).collect();
    let changes: Vec<Change> = notes.iter().map(put).collect();
    Poster::new(store, 1).post(&changes).await;
    for (tag, note) in tags.iter().zip(notes) {
        let query = NoteQuery { tag: Some((*tag).to_owned()), ..everything(SORTS[0], 10) };
        assert_eq!(store.query(&query).await.unwrap().notes, [note], "{tag:?}");
    }
}
