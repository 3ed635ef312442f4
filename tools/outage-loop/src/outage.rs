//! The outages of a run, drawn before it begins.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

/// Each kind comes at least so often, where there are rounds enough.
const LEAST_OF_EACH: usize = 5;

/// Of so many outages one is longer than Daybook waits.
const LONG_ONE_IN: usize = 4;

/// In one of so many rounds Daybook is killed, too.
const STRIKE_ONE_IN: usize = 3;

/// How the database goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The server is killed with SIGKILL.
    Kill,
    /// The server is stopped with SIGTERM.
    Stop,
    /// The server is frozen with SIGSTOP.
    Freeze,
    /// The network cuts connections and refuses new ones.
    Cut,
    /// The network delays everything.
    Slow,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Kill, Self::Stop, Self::Freeze, Self::Cut, Self::Slow];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Freeze => "freeze",
            Self::Cut => "cut",
            Self::Slow => "slow",
        })
    }
}

/// When Daybook itself is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// So long after the outage began.
    During(Duration),
    /// So long after it ended.
    After(Duration),
}

/// One outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    /// How the database goes away.
    pub(crate) kind: Kind,
    /// How long the load goes on after the writes of the round and before it.
    pub(crate) calm: Duration,
    /// How long it lasts.
    pub(crate) length: Duration,
    /// How slow the network is, one way.
    pub(crate) delay: Duration,
    /// Whether Daybook is killed, too.
    pub(crate) strike: Option<Strike>,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {:.1} s", self.kind, self.length.as_secs_f64())?;
        if self.kind == Kind::Slow {
            write!(f, " by {} ms each way", self.delay.as_millis())?;
        }
        match self.strike {
            Some(Strike::During(_)) => f.write_str(", Daybook killed during it"),
            Some(Strike::After(_)) => f.write_str(", Daybook killed after it"),
            None => Ok(()),
        }
    }
}

/// The outages of that many rounds: first a shuffled deck in which each kind has
/// the same share, up to five, then any.
pub(crate) fn plan(rounds: usize, random: &mut Rng) -> Vec<Outage> {
    let each = LEAST_OF_EACH.min(rounds / Kind::ALL.len());
    let mut kinds = Kind::ALL.repeat(each);
    random.shuffle(&mut kinds);
    while kinds.len() < rounds {
        kinds.extend(random.choice(Kind::ALL));
    }
    let long = share(rounds, LONG_ONE_IN, random);
    let strikes = share(rounds, STRIKE_ONE_IN, random);
    let mut struck = 0;
    let draws = kinds.into_iter().zip(long.into_iter().zip(strikes));
    let draw = |(kind, (is_long, is_struck)): (Kind, (bool, bool))| {
        let length =
            if is_long { millis(random, 6_000, 8_000) } else { millis(random, 300, 4_000) };
        struck += usize::from(is_struck);
        let strike = is_struck.then(|| match struck % 2 {
            1 => Strike::During(length.mul_f64(random.f64())),
            _ => Strike::After(millis(random, 0, 500)),
        });
        let (calm, delay) = (millis(random, 0, 500), millis(random, 20, 1_500));
        Outage { kind, calm, length, delay, strike }
    };
    draws.map(draw).collect()
}

/// Which of the rounds are among the one in so many.
fn share(rounds: usize, one_in: usize, random: &mut Rng) -> Vec<bool> {
    let mut chosen: Vec<bool> = (0..rounds).map(|round| round % one_in == 0).collect();
    random.shuffle(&mut chosen);
    chosen
}

fn millis(random: &mut Rng, least: u64, most: u64) -> Duration {
    Duration::from_millis(random.u64(least..=most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(rounds: usize, seed: u64) -> Vec<Outage> {
        plan(rounds, &mut Rng::with_seed(seed))
    }

    fn count(plan: &[Outage], kind: Kind) -> usize {
        plan.iter().filter(|outage| outage.kind == kind).count()
    }

    #[test]
    fn thirty_rounds_have_five_of_each_kind() {
        for seed in 0..200 {
            for rounds in [25, 30, 100] {
                let plan = plan_of(rounds, seed);
                assert_eq!(plan.len(), rounds);
                assert!(Kind::ALL.iter().all(|kind| count(&plan, *kind) >= 5), "{plan:?}");
            }
        }
    }

    #[test]
    fn few_rounds_have_what_fits() {
        for seed in 0..200 {
            assert_eq!(plan_of(3, seed).len(), 3);
            let plan = plan_of(6, seed);
            assert!(Kind::ALL.iter().all(|kind| count(&plan, *kind) >= 1), "{plan:?}");
        }
    }

    #[test]
    fn some_outages_are_long_and_in_some_daybook_is_killed() {
        for seed in 0..200 {
            let plan = plan_of(6, seed);
            let within = |from, to| {
                let holds = |o: &&Outage| (from..=to).contains(&o.length.as_millis());
                plan.iter().filter(holds).count()
            };
            assert_eq!((within(300, 4_000), within(6_000, 8_000)), (4, 2));
            let strikes: Vec<Strike> = plan.iter().filter_map(|outage| outage.strike).collect();
            assert_eq!(strikes.len(), 2);
            assert!(strikes.iter().any(|strike| matches!(strike, Strike::During(_))));
            assert!(strikes.iter().any(|strike| matches!(strike, Strike::After(_))));
        }
    }

    #[test]
    fn daybook_is_killed_within_the_outage() {
        for outage in plan_of(1_000, 7) {
            if let Some(Strike::During(at)) = outage.strike {
                assert!(at <= outage.length, "{outage:?}");
            }
        }
    }

    #[test]
    fn a_seed_repeats_its_plan() {
        assert_eq!(plan_of(30, 5), plan_of(30, 5));
        assert_ne!(plan_of(30, 5), plan_of(30, 6));
    }
}
