//! The page that the last comparison is written to.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::rows::Measured;
use crate::scale::Scaled;

const BEGIN: &str = "<!-- comparison: begin -->";
const END: &str = "<!-- comparison: end -->";

/// The folder of plots, beside the page.
const PLOTS: &str = "plots";

/// All that was measured: the table of rows, then each table of what grows with its
/// plots.
#[must_use]
pub fn text(measured: &Measured, rows: &str) -> String {
    let mut text = rows.to_owned();
    for Scaled { heading, table, plots } in &measured.scaled {
        text.push_str(&format!("\n\n### {heading}\n\n{table}"));
        for (name, plot) in plots {
            text.push_str(&format!("\n\n![{}]({PLOTS}/{name}.svg)", plot.title));
        }
    }
    text
}

/// Writes the plots beside the page.
///
/// # Errors
/// When one cannot be written.
pub fn write_plots(page: &Path, scaled: &[Scaled]) -> Result<()> {
    let folder = page.with_file_name(PLOTS);
    fs::create_dir_all(&folder)?;
    for (name, plot) in scaled.iter().flat_map(|scaled| &scaled.plots) {
        plot.write(&folder.join(format!("{name}.svg")))?;
    }
    Ok(())
}

/// The page with that between its marks, in the place of what was there.
fn with(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n{END}{after}", text.trim_end()))
}

/// Writes that between the marks of a page.
///
/// # Errors
/// When there is no such page, or no marks in it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let name = path.display();
    let page = fs::read_to_string(path).with_context(|| format!("could not read {name}"))?;
    let page = with(&page, text).with_context(|| format!("{name} has no {BEGIN} and {END}"))?;
    fs::write(path, page).with_context(|| format!("could not write {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = format!("# A page\n\n{BEGIN}\nold\n{END}\n\nThe end.\n");
        let new = format!("# A page\n\n{BEGIN}\nnew\n{END}\n\nThe end.\n");
        assert_eq!(with(&page, "new\n").as_ref(), Some(&new));
        assert_eq!(with(&new, "new"), Some(new.clone()));
    }

    #[test]
    fn a_page_without_marks_is_left_alone() {
        assert_eq!(with("# A page\n", "new"), None);
        assert_eq!(with(&format!("{END}{BEGIN}"), "new"), None);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.md");
        fs::write(&path, "# A page\n").unwrap();
        assert!(write(&path, "new").is_err());
        assert_eq!(fs::read_to_string(path).unwrap(), "# A page\n");
    }
}
