//! The rounds of a run, one outage each, and the comparison after them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crash_loop::api::Api;
use crash_loop::comparison::{compare_all, drained};
use crash_loop::daemon::{Daemon, Program};
use crash_loop::writer::Writer;
use tokio::time::{Instant, sleep};

use crate::load::Load;
use crate::outage::{Outage, Strike, plan};
use crate::report::Report;
use crate::scene::Scene;

/// How long the queue may take to get empty.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);

/// How long the writes of a round before its outage may take, however slow the
/// machine is.
const CALM_LIMIT: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(5);

/// How heavy the load is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// How many outages there are.
    pub(crate) rounds: u32,
    /// How many clients write at the same time.
    pub(crate) clients: u32,
    /// How many writes are acknowledged in a round before its outage.
    pub(crate) writes: u64,
}

/// All that takes part.
pub(crate) struct Rounds<'a> {
    scene: Scene,
    program: Program,
    seed: u64,
    size: Size,
    report: &'a mut Report,
}

/// The running service and its clients.
struct Stage {
    daemon: Daemon,
    api: Api,
    load: Load,
}

impl<'a> Rounds<'a> {
    pub(crate) fn new(
        scene: Scene,
        program: Program,
        seed: u64,
        size: Size,
        report: &'a mut Report,
    ) -> Self {
        Self { scene, program, seed, size, report }
    }

    /// Runs the rounds under a load, and compares.
    pub(crate) async fn run(mut self) -> Result<()> {
        let mut daemon = self.program.start()?;
        let api = daemon.ready().await?;
        let load = Load::start(self.seed, self.size.clients, api.clone());
        let mut stage = Stage { daemon, api, load };
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut failed = Ok(());
        for (round, outage) in plan(self.size.rounds as usize, &mut random).iter().enumerate() {
            let round = round + 1;
            let took = self.round(&mut stage, outage).await;
            match took.with_context(|| format!("in round {round}, {outage}")) {
                Ok(took) => println!(
                    "round {round}: {outage}; the queue was empty {:.1} s after; acknowledged {}",
                    took.as_secs_f64(),
                    stage.load.acknowledged()
                ),
                Err(error) => {
                    failed = Err(error);
                    break;
                }
            }
        }
        let Stage { daemon, api, load } = stage;
        let mut writers = load.stop().await;
        let compared = match failed {
            Ok(()) => self.compare_twice(daemon, &api, &mut writers).await,
            Err(error) => Err(error),
        };
        writers.iter().for_each(|writer| self.report.tally.add(&writer.tally));
        compared?;
        self.program.verify().await?;
        println!("daybook log verify found nothing wrong");
        self.scene.close().await
    }

    async fn compare_twice(
        &mut self,
        daemon: Daemon,
        api: &Api,
        writers: &mut [Writer],
    ) -> Result<()> {
        self.compare(daemon, api, writers).await.context("comparing after the outages")?;
        let mut daemon = self.program.start()?;
        let api = daemon.ready().await?;
        self.compare(daemon, &api, writers).await.context("comparing after a clean stop")
    }

    /// One outage under load, and the time until the queue was empty after it.
    async fn round(&mut self, stage: &mut Stage, outage: &Outage) -> Result<Duration> {
        let target = stage.load.acknowledged() + self.size.writes;
        let deadline = Instant::now() + CALM_LIMIT;
        while stage.load.acknowledged() < target && Instant::now() < deadline {
            stage.daemon.check()?;
            sleep(POLL).await;
        }
        let acknowledged = stage.load.acknowledged();
        ensure!(acknowledged >= target, "only {acknowledged} of {target} writes in time");
        sleep(outage.calm).await;
        self.report.outage(outage.kind);
        self.scene.begin(outage).await?;
        let began = Instant::now();
        if let Some(Strike::During(after)) = outage.strike {
            sleep(after).await;
            self.strike(stage).await?;
        }
        sleep((began + outage.length).saturating_duration_since(Instant::now())).await;
        self.scene.end(outage.kind).await?;
        let mut back = Instant::now();
        stage.load.light(true);
        if let Some(Strike::After(after)) = outage.strike {
            sleep(after).await;
            self.strike(stage).await?;
            back = Instant::now();
        }
        drained(&mut stage.daemon, &stage.api, DRAIN_LIMIT).await?;
        let took = back.elapsed();
        self.report.recovered(outage, took);
        stage.load.light(false);
        Ok(took)
    }

    /// Kills Daybook and starts it again.
    async fn strike(&mut self, stage: &mut Stage) -> Result<()> {
        self.report.tally.kills += 1;
        stage.daemon.kill().await?;
        stage.load.service(None);
        stage.daemon = self.program.start()?;
        stage.api = stage.daemon.listening().await?;
        stage.load.service(Some(stage.api.clone()));
        Ok(())
    }

    async fn compare(
        &mut self,
        mut daemon: Daemon,
        api: &Api,
        writers: &mut [Writer],
    ) -> Result<()> {
        let tally = &mut self.report.tally;
        let notes = compare_all(&mut daemon, api, writers, tally, DRAIN_LIMIT).await?;
        println!("compared {notes} notes");
        daemon.stop().await
    }
}
