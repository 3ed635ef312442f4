//! `GET /v1/notes`: lists.

use axum::Json;
use axum::extract::RawQuery;
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::answer::NoteBody;
use super::call::Call;
use super::problem::{InputError, Problem};
use super::{cursor, query_string};
use crate::domain::{Checked, NotePatch};
use crate::ports::{NoteQuery, Sort, SortKey};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;
/// Every order there is, by its name; the first is the default.
const SORTS: [(&str, Sort); 4] = [
    ("-created_at", Sort { key: SortKey::CreatedAt, descending: true }),
    ("created_at", Sort { key: SortKey::CreatedAt, descending: false }),
    ("-updated_at", Sort { key: SortKey::UpdatedAt, descending: true }),
    ("updated_at", Sort { key: SortKey::UpdatedAt, descending: false }),
];
/// A name of this many bytes is repeated to the client; a longer one is not.
const MAX_ECHOED_NAME_BYTES: usize = 64;

/// `GET /v1/notes`
pub(super) async fn list(call: Call, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = parse(query.as_deref().unwrap_or_default()).map_err(Problem::malformed)?;
    let page = call.daybook.list(&query, call.deadline).await?;
    let next_cursor = page.next.map(|after| cursor::encode(&query, &after));
    let link = next_cursor.as_deref().and_then(|cursor| link_to_next(&query, cursor));
    let items = page.notes.into_iter().map(NoteBody::from).collect();
    let body = Json(ListBody { items, next_cursor });
    Ok(match link {
        Some(link) => ([(LINK, link)], body).into_response(),
        None => body.into_response(),
    })
}

#[derive(Serialize)]
struct ListBody {
    items: Vec<NoteBody>,
    next_cursor: Option<String>,
}

/// The list that a query string asks for.
///
/// # Errors
/// Everything that is wrong with it, by parameter; never empty.
fn parse(query: &str) -> Result<NoteQuery, Vec<InputError>> {
    let mut parameters = Parameters::parse(query).map_err(|error| vec![error])?;
    let [(_, default_sort), ..] = SORTS;
    let mut list = NoteQuery {
        author: None,
        tag: None,
        sort: default_sort,
        limit: DEFAULT_LIMIT,
        after: None,
    };
    list.author = parameters.take("author", author);
    list.tag = parameters.take("tag", tag);
    list.sort = parameters.take("sort", sort).unwrap_or(list.sort);
    list.limit = parameters.take("limit", limit).unwrap_or(list.limit);
    list.after =
        parameters.take("cursor", |text| cursor::decode(&list, text).map_err(str::to_owned));
    parameters.finish()?;
    Ok(list)
}

fn author(text: &str) -> Result<String, String> {
    let patch = NotePatch { author: Some(text.to_owned()), ..NotePatch::default() };
    keeps_the_rules(patch).map(|()| text.to_owned())
}

fn tag(text: &str) -> Result<String, String> {
    let patch = NotePatch { tags: Some(vec![text.to_owned()]), ..NotePatch::default() };
    keeps_the_rules(patch).map(|()| text.to_owned())
}

/// What no note can have is not worth looking for: the rules of the fields are
/// those of the filters.
fn keeps_the_rules(patch: NotePatch) -> Result<(), String> {
    match Checked::new(patch) {
        Ok(_) => Ok(()),
        Err(invalid) => {
            let reasons: Vec<String> = invalid.fields.into_iter().map(|f| f.reason).collect();
            Err(reasons.join("; "))
        }
    }
}

fn sort(text: &str) -> Result<Sort, String> {
    let found = SORTS.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, sort)| sort).ok_or_else(|| {
        let names: Vec<&str> = SORTS.into_iter().map(|(name, _)| name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn limit(text: &str) -> Result<usize, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| (1..=MAX_LIMIT).contains(number));
    number.filter(|_| digits).ok_or_else(|| format!("must be a whole number, 1 to {MAX_LIMIT}"))
}

/// The parameters of a query, each taken once and by name.
struct Parameters {
    values: Vec<(String, String)>,
    errors: Vec<InputError>,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, InputError> {
        match query_string::parse(query) {
            Ok(values) => Ok(Self { values, errors: Vec::new() }),
            Err(name) => Err(InputError::parameter(echoed(name), "is not percent-encoded UTF-8")),
        }
    }

    /// The value of that name, if it is there and can be read.
    fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let mut taken = self.values.extract_if(.., |(found, _)| found == name);
        let (_, text) = taken.next()?;
        if taken.count() > 0 {
            self.errors.push(InputError::parameter(name, "is given more than once"));
            return None;
        }
        read(&text).map_err(|why| self.errors.push(InputError::parameter(name, why))).ok()
    }

    /// Ends the reading: every parameter that was not taken is unknown.
    fn finish(mut self) -> Result<(), Vec<InputError>> {
        for (name, _) in self.values {
            self.errors.push(InputError::parameter(echoed(name), "is not a known parameter"));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }
}

/// The start of a name that a client chose.
fn echoed(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(MAX_ECHOED_NAME_BYTES));
    name
}

/// The `Link` to the next page (RFC 8288), relative to the list.
fn link_to_next(list: &NoteQuery, cursor: &str) -> Option<HeaderValue> {
    let limit = list.limit.to_string();
    let sort = SORTS.into_iter().find(|(_, sort)| *sort == list.sort).map(|(name, _)| name);
    let parameters = [
        ("author", list.author.as_deref()),
        ("tag", list.tag.as_deref()),
        ("sort", sort),
        ("limit", Some(limit.as_str())),
        ("cursor", Some(cursor)),
    ];
    let given: Vec<(&str, &str)> =
        parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let query = query_string::encode(&given);
    HeaderValue::try_from(format!("</v1/notes?{query}>; rel=\"next\"")).ok()
}
