//! The text format of Prometheus, as far as a service writes it.

use std::collections::BTreeMap;

/// A series: its labels and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    labels: BTreeMap<String, String>,
    value: f64,
}

/// What a scrape told, by the names of the series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scrape {
    series: BTreeMap<String, Vec<Series>>,
}

/// How observations are spread: how many there were at or below each bound, the last
/// of which is infinite.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spread(Vec<(f64, f64)>);

impl Scrape {
    /// Reads the text. A line that cannot be read is left out: what it would have told
    /// is not known then, like that of a family which the service does not have.
    pub(super) fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        for (name, series) in text.lines().filter_map(parse_line) {
            scrape.series.entry(name).or_default().push(series);
        }
        scrape
    }

    /// The values of the series of that name with these labels, and any others.
    fn values<'a>(
        &'a self,
        name: &str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Series> {
        let all = self.series.get(name).into_iter().flatten();
        all.filter(move |series| labels.iter().all(|(name, value)| series.label(name) == *value))
    }

    /// The sum of the series of that name with these labels; `None` without any.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut values = self.values(name, labels).map(|series| series.value).peekable();
        values.peek()?;
        Some(values.sum())
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        let value = self.sum(name, &[]).filter(|value| *value >= 0.0)?;
        // Beyond the bounds it is the nearest.
        Some(value as u64)
    }

    /// The values that a label of that family has, with the value of each.
    pub(super) fn by_label(&self, name: &str, label: &str) -> Vec<(String, f64)> {
        let all = self.values(name, &[]);
        all.map(|series| (series.label(label).to_owned(), series.value)).collect()
    }

    /// The spread of a histogram, over all series with these labels.
    pub(super) fn spread(&self, name: &str, labels: &[(&str, &str)]) -> Spread {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for series in self.values(&format!("{name}_bucket"), labels) {
            let Ok(bound) = series.label("le").parse::<f64>() else { continue };
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, count)) => *count += series.value,
                None => buckets.push((bound, series.value)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Spread(buckets)
    }
}

impl Series {
    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl Spread {
    /// What was observed since an earlier one. After a restart of the service that is
    /// everything.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let last = |spread: &Self| spread.0.last().map_or(0.0, |(_, count)| *count);
        if last(self) < last(earlier) {
            return self.clone();
        }
        let before = |bound: f64| earlier.0.iter().find(|(known, _)| *known == bound);
        let since = |(bound, count): &(f64, f64)| {
            (*bound, count - before(*bound).map_or(0.0, |(_, count)| *count))
        };
        Self(self.0.iter().map(since).collect())
    }

    /// A quantile, as `histogram_quantile` of Prometheus estimates it: linearly within
    /// a bucket, and the highest finite bound for what lies above. `None` without any
    /// observation.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let (_, all) = *self.0.last().filter(|(_, all)| *all > 0.0)?;
        let rank = share * all;
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= rank && *count > below {
                let is_open = !bound.is_finite();
                return Some(match is_open {
                    true => lower,
                    false => lower + (bound - lower) * (rank - below) / (count - below),
                });
            }
            (lower, below) = (*bound, *count);
        }
        None
    }
}

/// `name{label="value",...} value`, and perhaps a time behind it.
fn parse_line(line: &str) -> Option<(String, Series)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at_checked(end)?;
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((name.to_owned(), Series { labels, value }))
}

/// Up to the closing brace, and what is behind it.
fn parse_labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        loop {
            match characters.next()? {
                (at, '"') => {
                    rest = after.get(at + 1..)?;
                    break;
                }
                (_, '\\') => value.push(match characters.next()? {
                    (_, 'n') => '\n',
                    (_, escaped) => escaped,
                }),
                (_, character) => value.push(character),
            }
        }
        labels.insert(name.trim().to_owned(), value);
    }
}
