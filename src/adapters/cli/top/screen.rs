//! A view on a terminal.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use indicatif::HumanCount;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::{Block, Gauge, Paragraph, Sparkline};

use super::view::View;

/// So many views are remembered, one for each column of a wide terminal.
const REMEMBERED: usize = 400;

/// Fewer rows have no room for a curve.
const LEAST_CURVE: u16 = 3;

/// What is on the screen.
#[derive(Debug)]
pub(super) struct Screen {
    address: String,
    view: Option<View>,
    /// Since when it does not answer, and why.
    unreachable: Option<(DateTime<Utc>, String)>,
    queue: VecDeque<u64>,
    appended: VecDeque<u64>,
    applied: VecDeque<u64>,
}

impl Screen {
    /// Nothing yet, of the service at that address.
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            view: None,
            unreachable: None,
            queue: VecDeque::new(),
            appended: VecDeque::new(),
            applied: VecDeque::new(),
        }
    }

    /// The service was looked at.
    pub(super) fn show(&mut self, view: View) {
        // Whole and not negative, as curves are drawn.
        let rate = |rate: Option<f64>| rate.unwrap_or_default().round() as u64;
        remember(&mut self.queue, view.queue.unwrap_or_default());
        remember(&mut self.appended, rate(view.rates.appended));
        remember(&mut self.applied, rate(view.rates.applied));
        self.unreachable = None;
        self.view = Some(view);
    }

    /// The service did not answer.
    pub(super) fn lost(&mut self, at: DateTime<Utc>, reason: String) {
        let since = self.unreachable.as_ref().map_or(at, |(since, _)| *since);
        self.unreachable = Some((since, reason));
    }

    /// Draws it into whatever room there is.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let latencies = self.view.as_ref().map_or(0, |view| view.latencies.len().max(1));
        let latencies = u16::try_from(latencies).unwrap_or(u16::MAX);
        let rows = [
            Constraint::Length(1),
            Constraint::Length(6),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(latencies),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ];
        let [title, lines, fill, _, latency, _, curves, keys] =
            Layout::vertical(rows).areas(frame.area());
        frame.render_widget(self.title(), title);
        let Some(view) = &self.view else { return };
        // What is shown is not how it is now.
        let style = match self.unreachable {
            Some(_) => Style::new().add_modifier(Modifier::DIM),
            None => Style::new(),
        };
        let told: Vec<_> = view.lines();
        let told = told.iter().map(|(what, told)| Line::from(format!("{what:<9} {told}")));
        frame.render_widget(Paragraph::new(told.collect::<Vec<_>>()).style(style), lines);
        let share = view.queue_fill.unwrap_or_default().clamp(0.0, 1.0);
        let colour = if share > 0.8 { Color::Red } else { Color::Blue };
        let gauge = Gauge::default().gauge_style(Style::new().fg(colour)).ratio(share);
        frame
            .render_widget(gauge.label(format!("queue {:.0} %", share * 100.0)).style(style), fill);
        let mut latencies = view.latency_lines();
        if latencies.is_empty() {
            latencies.push("latencies: a build with metrics-detailed has them".to_owned());
        }
        let latencies = latencies.into_iter().map(Line::from).collect::<Vec<_>>();
        frame.render_widget(Paragraph::new(latencies).style(style), latency);
        self.draw_curves(frame, curves);
        frame.render_widget(Line::from("q quits").dim(), keys);
    }

    fn title(&self) -> Line<'static> {
        if let Some((since, reason)) = &self.unreachable {
            let text = format!("unreachable since {}: {reason}", since.format("%H:%M:%S UTC"));
            return Line::from(text).fg(Color::Red).bold();
        }
        let Some(view) = &self.view else {
            return Line::from(format!("asking {} ...", self.address)).dim();
        };
        let colour = match view.state.as_str() {
            "healthy" => Color::Green,
            "degraded" | "starting" => Color::Yellow,
            _ => Color::Red,
        };
        Line::from(view.title(&self.address)).fg(colour).bold()
    }

    fn draw_curves(&self, frame: &mut Frame<'_>, area: Rect) {
        if area.height < LEAST_CURVE {
            return;
        }
        let columns = Layout::horizontal([Constraint::Fill(1); 3]).spacing(2);
        let curves = [
            ("waiting", &self.queue, Color::Yellow),
            ("appended/s", &self.appended, Color::Cyan),
            ("applied/s", &self.applied, Color::Green),
        ];
        for (column, (title, values, colour)) in columns.areas::<3>(area).into_iter().zip(curves) {
            let width = usize::from(column.width);
            let latest = values.iter().skip(values.len().saturating_sub(width)).copied();
            let peak = latest.clone().max().unwrap_or_default();
            let block = Block::new().title(format!("{title}, peak {}", HumanCount(peak)));
            let curve =
                Sparkline::default().block(block).data(latest).style(Style::new().fg(colour));
            frame.render_widget(curve, column);
        }
    }
}

fn remember(values: &mut VecDeque<u64>, value: u64) {
    if values.len() == REMEMBERED {
        values.pop_front();
    }
    values.push_back(value);
}
