//! Every rule of the design, section 3, at, below and above its bounds.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn draft() -> NoteDraft {
    NoteDraft {
        title: "title".to_owned(),
        content: "content".to_owned(),
        author: "author".to_owned(),
        tags: vec!["tag".to_owned()],
    }
}

/// The same fields as a patch: both must follow the same rules.
fn as_patch(draft: &NoteDraft) -> NotePatch {
    let NoteDraft { title, content, author, tags } = draft.clone();
    NotePatch { title: Some(title), content: Some(content), author: Some(author), tags: Some(tags) }
}

/// Where the rules are broken, for a draft and the same patch.
fn broken(draft: NoteDraft) -> Vec<String> {
    let pointers = |result: Result<(), Invalid>| {
        result.map_or_else(|e| e.fields.into_iter().map(|f| f.pointer).collect(), |()| Vec::new())
    };
    let of_patch = pointers(Checked::new(as_patch(&draft)).map(drop));
    let of_draft: Vec<String> = pointers(Checked::new(draft).map(drop));
    assert_eq!(of_draft, of_patch, "drafts and patches differ in their rules");
    of_draft
}

/// `count` characters of two bytes each: bounds count characters, not bytes.
fn chars(count: usize) -> String {
    "é".repeat(count)
}

#[rstest]
#[case(0, false)]
#[case(1, true)]
#[case(200, true)]
#[case(201, false)]
fn a_title_has_1_to_200_characters(#[case] count: usize, #[case] valid: bool) {
    let expected: &[&str] = if valid { &[] } else { &["/title"] };
    assert_eq!(broken(NoteDraft { title: chars(count), ..draft() }), expected);
}

#[rstest]
#[case(0, false)]
#[case(1, true)]
#[case(10_000, true)]
#[case(10_001, false)]
fn content_has_1_to_10_000_characters(#[case] count: usize, #[case] valid: bool) {
    let expected: &[&str] = if valid { &[] } else { &["/content"] };
    assert_eq!(broken(NoteDraft { content: chars(count), ..draft() }), expected);
}

#[rstest]
#[case(0, false)]
#[case(1, true)]
#[case(100, true)]
#[case(101, false)]
fn an_author_has_1_to_100_characters(#[case] count: usize, #[case] valid: bool) {
    let expected: &[&str] = if valid { &[] } else { &["/author"] };
    assert_eq!(broken(NoteDraft { author: "a".repeat(count), ..draft() }), expected);
}

#[rstest]
#[case("Ada_Lovelace-1815", true)]
#[case("ada lovelace", false)]
#[case("ada\n", false)]
#[case("ädä", false)]
#[case("ada.lovelace", false)]
fn an_author_is_of_letters_digits_underscore_and_hyphen(#[case] author: &str, #[case] valid: bool) {
    let expected: &[&str] = if valid { &[] } else { &["/author"] };
    assert_eq!(broken(NoteDraft { author: author.to_owned(), ..draft() }), expected);
}

#[rstest]
#[case(0, true)]
#[case(10, true)]
#[case(11, false)]
fn there_are_at_most_10_tags(#[case] count: usize, #[case] valid: bool) {
    let expected: &[&str] = if valid { &[] } else { &["/tags"] };
    assert_eq!(broken(NoteDraft { tags: vec!["t".to_owned(); count], ..draft() }), expected);
}

#[rstest]
#[case(0, false)]
#[case(1, true)]
#[case(50, true)]
#[case(51, false)]
fn a_tag_has_1_to_50_characters(#[case] count: usize, #[case] valid: bool) {
    let expected: &[&str] = if valid { &[] } else { &["/tags/1"] };
    let tags = vec!["fine".to_owned(), chars(count)];
    assert_eq!(broken(NoteDraft { tags, ..draft() }), expected);
}

#[rstest]
#[case("<script", false)]
#[case("a </script> b", false)]
#[case("<SCRIPT>", false)]
#[case("<ScRiPt src=x>", false)]
#[case("< script >", false)]
#[case("<\n/\tscript>", false)]
#[case("< / s c r i p t >", false)]
#[case("<\u{00a0}script>", false)]
#[case("<scrip", true)]
#[case("script", true)]
#[case("a < b and scripts", true)]
#[case("<scribble>", true)]
fn a_title_has_no_script_tag(#[case] title: &str, #[case] valid: bool) {
    let expected: &[&str] = if valid { &[] } else { &["/title"] };
    assert_eq!(broken(NoteDraft { title: title.to_owned(), ..draft() }), expected);
}

#[test]
fn every_broken_rule_is_told_at_once() {
    let bad = NoteDraft {
        title: String::new(),
        content: String::new(),
        author: "a b".to_owned(),
        tags: vec![String::new(), "fine".to_owned(), chars(51)],
    };
    assert_eq!(broken(bad), ["/author", "/content", "/tags/0", "/tags/2", "/title"]);
}

#[test]
fn a_reason_tells_the_bounds() {
    let bad = NoteDraft { title: String::new(), tags: vec![chars(51); 11], ..draft() };
    let error = Checked::new(bad).unwrap_err();
    let reason = |pointer| error.fields.iter().find(|field| field.pointer == pointer).unwrap();
    assert_eq!(reason("/title").reason, "must have 1 to 200 characters, this has 0");
    assert_eq!(reason("/tags").reason, "must have at most 10, this has 11");
    assert_eq!(reason("/tags/10").reason, "must have 1 to 50 characters, this has 51");
}

#[test]
fn a_reason_names_what_is_wrong() {
    let error = Checked::new(NoteDraft { author: "a b".to_owned(), ..draft() }).unwrap_err();
    assert_eq!(error.to_string(), "/author must consist of A-Z, a-z, 0-9, '_' and '-', not ' '");
}

#[test]
fn a_patch_without_fields_is_valid() {
    assert!(Checked::new(NotePatch::default()).is_ok());
}

proptest! {
    #[test]
    fn whatever_keeps_the_bounds_is_valid(
        title in "[a-zA-Zà-ü0-9 ]{1,200}",
        content in "\\PC{1,300}",
        author in "[a-zA-Z0-9_-]{1,100}",
        tags in prop::collection::vec("\\PC{1,50}", 0..=10),
    ) {
        prop_assert_eq!(broken(NoteDraft { title, content, author, tags }), Vec::<String>::new());
    }

    #[test]
    fn whatever_breaks_one_bound_is_refused_there(
        field in 0..5_usize,
        excess in 1..50_usize,
    ) {
        let mut bad = draft();
        let pointer = match field {
            0 => { bad.title = chars(200 + excess); "/title" }
            1 => { bad.content = chars(10_000 + excess); "/content" }
            2 => { bad.author = "a".repeat(100 + excess); "/author" }
            3 => { bad.tags = vec!["t".to_owned(); 10 + excess]; "/tags" }
            _ => { bad.tags = vec![chars(50 + excess)]; "/tags/0" }
        };
        prop_assert_eq!(broken(bad), [pointer]);
    }
}
