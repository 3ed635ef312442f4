//! Looking again and again.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _, Write};
use std::pin::pin;
use std::time::Duration;

use chrono::Utc;
use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::sample::Sample;
use super::screen::Screen;
use super::view::View;
use crate::adapters::service_client::{ServiceClient, ServiceClientError};
use crate::adapters::settings::TimeSpan;

/// Rates and latencies are of so many intervals: of one, they would jump.
const INTERVALS: usize = 5;

/// How often a key is looked for.
const KEY_INTERVAL: Duration = Duration::from_millis(50);

/// The shortest interval: each look makes the service write all its metrics down.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(200);

/// How to watch a service.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct TopCommand {
    /// How often to look: 200ms, 5s.
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = interval)]
    pub interval: TimeSpan,

    /// Print it once, after two looks, and end. It needs no terminal.
    #[arg(long)]
    pub once: bool,

    /// Print one JSON object; with --once.
    #[arg(long, requires = "once")]
    pub json: bool,
}

fn interval(text: &str) -> Result<TimeSpan, String> {
    let interval: TimeSpan = text.parse()?;
    if interval.get() < SHORTEST_INTERVAL {
        return Err("must be at least 200ms".to_owned());
    }
    Ok(interval)
}

/// Why a service cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// It does not answer.
    #[error("{0}")]
    Client(#[from] ServiceClientError),
    /// There is nowhere to show it.
    #[error("this is no terminal; --once prints what there is to see")]
    NoTerminal,
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
}

impl TopCommand {
    /// Watches the service until a key ends it, or prints it once.
    ///
    /// # Errors
    /// With `--once` when the service does not answer; otherwise when there is no
    /// terminal. A service that goes away is waited for.
    pub async fn run(self, service: ServiceClient, address: String) -> Result<(), TopError> {
        if self.once {
            return self.print(&service, &address).await;
        }
        if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
            return Err(TopError::NoTerminal);
        }
        let mut terminated = signal(SignalKind::terminate())?;
        // It also sees to it that a panic leaves the terminal as it was.
        let mut terminal = ratatui::try_init()?;
        let watched = tokio::select! {
            watched = self.watch(&mut terminal, &service, &address) => watched,
            _ = terminated.recv() => Ok(()),
        };
        ratatui::try_restore()?;
        watched
    }

    async fn print(&self, service: &ServiceClient, address: &str) -> Result<(), TopError> {
        let earlier = Sample::take(service).await?;
        sleep(self.interval.get()).await;
        let view = View::new(&Sample::take(service).await?, &earlier);
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&view).map_err(io::Error::other)?)?;
            return Ok(());
        }
        writeln!(out, "{}", view.title(address))?;
        for (what, told) in view.lines().into_iter().filter(|(_, told)| !told.is_empty()) {
            writeln!(out, "{what:<9} {told}")?;
        }
        for line in view.latency_lines() {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    async fn watch(
        &self,
        terminal: &mut DefaultTerminal,
        service: &ServiceClient,
        address: &str,
    ) -> Result<(), TopError> {
        let mut screen = Screen::new(address);
        let mut samples: VecDeque<Sample> = VecDeque::new();
        loop {
            let next = Instant::now() + self.interval.get();
            let mut asking = pin!(Sample::take(service));
            let mut is_answered = false;
            while !is_answered || Instant::now() < next {
                terminal.draw(|frame| screen.draw(frame))?;
                // A service that hangs keeps nobody from leaving.
                let answer = tokio::select! {
                    answer = &mut asking, if !is_answered => answer,
                    is_over = is_over() => if is_over? { return Ok(()) } else { continue },
                };
                is_answered = true;
                match answer {
                    Ok(sample) => {
                        if samples.len() > INTERVALS {
                            samples.pop_front();
                        }
                        let earlier = samples.front().unwrap_or(&sample);
                        screen.show(View::new(&sample, earlier));
                        samples.push_back(sample);
                    }
                    Err(error) => screen.lost(Utc::now(), error.to_string()),
                }
            }
        }
    }
}

/// Waits a moment. Whether a key was pressed that ends it.
async fn is_over() -> io::Result<bool> {
    // Reading a key blocks, if only for a moment.
    while let Some(key) = spawn_blocking(pressed).await.map_err(io::Error::other)?? {
        if ends(key) {
            return Ok(true);
        }
    }
    sleep(KEY_INTERVAL).await;
    Ok(false)
}

fn pressed() -> io::Result<Option<KeyEvent>> {
    while event::poll(Duration::ZERO)? {
        if let Event::Key(key) = event::read()? {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

fn ends(key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        // A terminal in raw mode makes no signal of it.
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}
