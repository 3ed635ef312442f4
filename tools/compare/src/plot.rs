//! Plots of measured series, as SVG.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// A line of a plot.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it is of.
    pub name: String,
    /// Places and values, ordered by place.
    pub points: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// What places are, on a logarithmic scale from 1 on.
    pub places: String,
    /// What values are, from 0 on.
    pub values: String,
    /// The lines.
    pub series: Vec<Series>,
}

const SIZE: (u32, u32) = (720, 360);

/// Readable on white and on black.
const COLORS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(214, 96, 39), RGBColor(44, 140, 70), RGBColor(148, 103, 189)];

impl Plot {
    /// Writes it to that file.
    ///
    /// # Errors
    /// When it has no points, or the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        self.draw(file).map_err(|error| anyhow!("{}: {error}", file.display()))
    }

    fn draw(&self, file: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let first = points().map(|point| point.0).fold(f64::INFINITY, f64::min).max(1.0);
        let last = points().map(|point| point.0).fold(1.0, f64::max);
        let highest = points().map(|point| point.1).fold(0.0, f64::max);
        if points().next().is_none() {
            return Err("there is nothing to show".into());
        }
        let area = SVGBackend::new(file, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(72)
            .build_cartesian_2d((first..last.max(first * 10.0)).log_scale(), 0.0..highest * 1.1)?;
        let short = |number: &f64| shortened(*number);
        chart
            .configure_mesh()
            .x_desc(&self.places)
            .y_desc(&self.values)
            .x_label_formatter(&short)
            .y_label_formatter(&short)
            .light_line_style(WHITE)
            .draw()?;
        for (series, color) in self.series.iter().zip(COLORS.iter().cycle()) {
            chart
                .draw_series(LineSeries::new(series.points.iter().copied(), color.stroke_width(2)))?
                .label(&series.name)
                .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
            let points = series.points.iter().map(|point| Circle::new(*point, 3, color.filled()));
            chart.draw_series(points)?;
        }
        chart
            .configure_series_labels()
            .border_style(BLACK.mix(0.3))
            .background_style(WHITE)
            .draw()?;
        area.present()?;
        Ok(())
    }
}

/// With `k` for a thousand and `M` for a million.
fn shortened(number: f64) -> String {
    let with = |number: f64, unit: &dyn Display| {
        let number = format!("{number:.1}");
        format!("{}{unit}", number.strip_suffix(".0").unwrap_or(&number))
    };
    match number {
        number if number >= 1e6 => with(number / 1e6, &"M"),
        number if number >= 1e3 => with(number / 1e3, &"k"),
        number => with(number, &""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>) -> Plot {
        let series = vec![Series { name: "writes".to_owned(), points }];
        let [title, places, values] = ["A title", "notes", "per second"].map(str::to_owned);
        Plot { title, places, values, series }
    }

    #[test]
    fn a_plot_has_its_words_and_lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plot.svg");
        plot(vec![(1_000.0, 10.0), (1_000_000.0, 12.5)]).write(&file).unwrap();
        let svg = std::fs::read_to_string(file).unwrap();
        for word in ["A title", "notes", "per second", "writes", "1M", "<polyline"] {
            assert!(svg.contains(word), "{word}: {svg}");
        }
    }

    #[test]
    fn a_plot_of_nothing_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(plot(Vec::new()).write(&folder.path().join("plot.svg")).is_err());
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.5, 20.0, 1_500.0, 2e6].map(shortened), ["0.5", "20", "1.5k", "2M"]);
    }
}
