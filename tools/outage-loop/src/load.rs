//! The clients that write all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crash_loop::api::Api;
use crash_loop::writer::{REFUSED_PAUSE, Step, Writer};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How many writes all clients together send in a second while a queue is to get
/// empty.
const LIGHT_WRITES_PER_SECOND: u32 = 16;

/// How many they send at the most otherwise. In an outage a write is answered as
/// soon as it is in the log: without a bound the queue would hold what takes the
/// database minutes to take.
const WRITES_PER_SECOND: u32 = 160;

/// A client whose service is gone asks so often whether there is another.
const GONE_PAUSE: Duration = Duration::from_millis(20);

/// What all clients are told.
#[derive(Clone, Debug, Default)]
struct Orders {
    service: Option<Api>,
    /// How long each waits between two writes.
    pause: Duration,
    over: bool,
}

/// A constant load.
pub(crate) struct Load {
    orders: watch::Sender<Orders>,
    acknowledged: Arc<AtomicU64>,
    clients: JoinSet<Writer>,
    pause: Duration,
    light_pause: Duration,
}

impl Load {
    /// Starts that many clients on a service.
    pub(crate) fn start(seed: u64, clients: u32, service: Api) -> Self {
        let pause = Duration::from_secs(1) * clients / WRITES_PER_SECOND;
        let orders =
            watch::Sender::new(Orders { service: Some(service), pause, ..Orders::default() });
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut running = JoinSet::new();
        for number in 0..clients {
            let writer = Writer::new(seed, number.into());
            running.spawn(run(writer, orders.subscribe(), Arc::clone(&acknowledged)));
        }
        let light_pause = Duration::from_secs(1) * clients / LIGHT_WRITES_PER_SECOND;
        Self { orders, acknowledged, clients: running, pause, light_pause }
    }

    /// How many writes were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// The service, or that there is none for now.
    pub(crate) fn service(&self, service: Option<Api>) {
        self.orders.send_modify(|orders| orders.service = service);
    }

    /// Whether to leave a queue the chance to get empty.
    pub(crate) fn light(&self, is_light: bool) {
        let pause = if is_light { self.light_pause } else { self.pause };
        self.orders.send_modify(|orders| orders.pause = pause);
    }

    /// Ends the load once each client has its last answer.
    pub(crate) async fn stop(self) -> Vec<Writer> {
        self.orders.send_modify(|orders| orders.over = true);
        self.clients.join_all().await
    }
}

async fn run(
    mut writer: Writer,
    mut orders: watch::Receiver<Orders>,
    acknowledged: Arc<AtomicU64>,
) -> Writer {
    loop {
        let (service, pause) = {
            let wanted = |orders: &Orders| orders.over || orders.service.is_some();
            let Ok(orders) = orders.wait_for(wanted).await else { return writer };
            match &orders.service {
                Some(service) if !orders.over => (service.clone(), orders.pause),
                _ => return writer,
            }
        };
        let before = writer.tally.acknowledged;
        let step = writer.step(&service).await;
        acknowledged.fetch_add(writer.tally.acknowledged - before, Ordering::Relaxed);
        let pause = match step {
            Step::Answered => pause,
            // A note in doubt is left alone, and there may be no other at once.
            Step::Refused | Step::Doubtful => pause.max(REFUSED_PAUSE),
            Step::Gone => GONE_PAUSE,
        };
        // Whatever comes first: other orders, or the end of the pause.
        let _ = timeout(pause, orders.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> Api {
        // A port that nothing listens on: it is reserved.
        Api::new("127.0.0.1:1", 1).unwrap()
    }

    #[tokio::test]
    async fn clients_survive_a_service_that_is_gone() {
        let load = Load::start(1, 4, nobody());
        load.light(true);
        load.service(None);
        load.service(Some(nobody()));
        assert_eq!(load.acknowledged(), 0);
        let writers = load.stop().await;
        assert_eq!(writers.len(), 4);
        assert!(writers.iter().all(|writer| writer.tally.is_clean()));
    }

    #[tokio::test]
    async fn clients_without_a_service_end_when_told() {
        let load = Load::start(1, 2, nobody());
        load.service(None);
        assert_eq!(load.stop().await.len(), 2);
    }

    #[tokio::test]
    async fn a_light_load_is_the_same_for_any_number_of_clients() {
        for clients in [1, 16, 64] {
            let load = Load::start(1, clients, nobody());
            let each = load.light_pause.as_secs_f64() / f64::from(clients);
            assert!((each - 1.0 / f64::from(LIGHT_WRITES_PER_SECOND)).abs() < 1e-6);
            load.stop().await;
        }
    }
}
