//! What is read out of a scrape.

use rstest::rstest;

use super::scrape::Scrape;

const TEXT: &str = r#"
# HELP queue Commands.
# TYPE queue gauge
queue 7
refused{reason="disk"} 2
refused{reason="queue-full"} 3
odd{a="x\"},{\\y\nz",b="}"} 1 1700000000
broken{a="x 1
broken 1x
nothing
space{ a="1", } 4
infinite +Inf
unknown NaN
"#;

fn histogram(counts: [u64; 4]) -> Scrape {
    let bounds = ["0.1", "0.2", "0.4", "+Inf"];
    let lines = bounds.iter().zip(counts);
    let lines = lines.map(|(le, count)| format!("took_bucket{{kind=\"a\",le=\"{le}\"}} {count}\n"));
    Scrape::parse(&lines.collect::<String>())
}

#[test]
fn values_are_found_by_name_and_labels() {
    let scrape = Scrape::parse(TEXT);
    assert_eq!(scrape.count("queue"), Some(7));
    assert_eq!(scrape.sum("refused", &[]), Some(5.0));
    assert_eq!(scrape.sum("refused", &[("reason", "disk")]), Some(2.0));
    assert_eq!(scrape.sum("refused", &[("reason", "none")]), None);
    assert_eq!(scrape.sum("odd", &[("a", "x\"},{\\y\nz"), ("b", "}")]), Some(1.0));
    assert_eq!(scrape.sum("space", &[("a", "1")]), Some(4.0));
    assert_eq!((scrape.count("broken"), scrape.count("nothing")), (None, None));
    assert_eq!(scrape.count("infinite"), Some(u64::MAX));
    assert_eq!(scrape.count("unknown"), None);
    let by_reason = scrape.by_label("refused", "reason");
    assert_eq!(by_reason, [("disk".to_owned(), 2.0), ("queue-full".to_owned(), 3.0)]);
}

#[rstest]
#[case::none([0, 0, 0, 0], 0.5, None)]
#[case::first_bucket([10, 10, 10, 10], 0.5, Some(0.05))]
#[case::between([0, 10, 10, 10], 0.5, Some(0.15))]
#[case::across([5, 10, 10, 10], 0.5, Some(0.1))]
#[case::high([5, 9, 10, 10], 0.95, Some(0.3))]
#[case::above_every_bound([0, 0, 0, 10], 0.5, Some(0.4))]
fn a_quantile_is_that_of_prometheus(
    #[case] counts: [u64; 4],
    #[case] share: f64,
    #[case] expected: Option<f64>,
) {
    let found = histogram(counts).spread("took", &[("kind", "a")]).quantile(share);
    match (found, expected) {
        (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-9, "{found}"),
        _ => assert_eq!(found, expected),
    }
}

#[test]
fn a_quantile_is_of_what_came_since() {
    let spread = |counts| histogram(counts).spread("took", &[]);
    let since = spread([10, 20, 20, 20]).since(&spread([10, 10, 10, 10]));
    assert_eq!(since.quantile(0.5), Some(0.15000000000000002));
    // The service was started again meanwhile.
    let restarted = spread([2, 2, 2, 2]).since(&spread([0, 0, 10, 10]));
    assert_eq!(restarted.quantile(0.5), Some(0.05));
    assert_eq!(spread([1, 1, 1, 1]).since(&spread([1, 1, 1, 1])).quantile(0.5), None);
}

#[test]
fn any_text_can_be_read() {
    let strange =
        ["{", "a{", "a{b", "a{b=", "a{b=\"", "a{b=\"\\", "a{}", "}", "=\"", "é{é=\"é\"} 1"];
    for text in strange {
        let _read = Scrape::parse(text);
    }
    assert_eq!(Scrape::parse("é{é=\"é\"} 1").sum("é", &[("é", "é")]), Some(1.0));
}
