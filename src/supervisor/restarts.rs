//! When a container that has ended runs again: the rules and numbers of Docker's restart manager.

use std::time::Duration;

use crate::container::spec::RestartPolicy;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Who has run so long gets the first pause again.
const STEADY: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Restarts {
    policy: RestartPolicy,
    count: u32,
    pause: Option<Duration>,
    stopped_by_user: bool,
    cancelled: bool,
    demanded: bool,
}

impl Restarts {
    pub fn new(policy: RestartPolicy) -> Restarts {
        Restarts { policy, ..Restarts::default() }
    }

    /// Counts from the next end on: a pause that has begun goes on.
    pub fn set_policy(&mut self, policy: RestartPolicy) {
        self.policy = policy;
    }

    /// Times it was run again.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// A user has sent a signal, whichever: Docker takes that for a wish to see the container stop.
    /// `ends`: it is the one that this container stops by.
    pub fn signalled(&mut self, ends: bool) {
        self.stopped_by_user = true;
        self.cancelled |= ends;
    }

    /// Whatever the policy says, the next end is followed by a run, at once.
    pub fn demand(&mut self) {
        self.demanded = true;
    }

    /// The machine goes down: it ends now, and no user wanted that.
    pub fn cancel(&mut self) {
        self.cancelled = true;
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    pub fn was_stopped_by_user(&self) -> bool {
        self.stopped_by_user
    }

    /// A run has ended: how long to wait before the next, `None` when there is none.
    pub fn after(&mut self, code: u8, ran: Duration) -> Option<Duration> {
        if self.cancelled {
            return None;
        }
        if std::mem::take(&mut self.demanded) {
            self.count += 1;
            return Some(Duration::ZERO);
        }
        let pause = match self.pause {
            Some(before) if ran < STEADY => (before * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        self.pause = Some(pause);
        let again = match self.policy {
            RestartPolicy::No => false,
            RestartPolicy::Always => true,
            RestartPolicy::UnlessStopped => !self.stopped_by_user,
            RestartPolicy::OnFailure { retries } => code != 0 && (retries == 0 || self.count < retries),
        };
        if !again {
            return None;
        }
        self.count += 1;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RestartPolicy::*;

    const SHORT: Duration = Duration::from_millis(5);

    #[test]
    fn the_pause_doubles_up_to_a_minute_and_begins_anew_after_a_steady_run() {
        let mut restarts = Restarts::new(Always);
        let pauses: Vec<_> = (0..12).map(|_| restarts.after(0, SHORT).unwrap().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
        assert_eq!(restarts.after(0, STEADY), Some(FIRST_PAUSE));
        assert_eq!(restarts.after(0, SHORT), Some(2 * FIRST_PAUSE));
        assert_eq!(restarts.count(), 14);
    }

    #[test]
    fn policies() {
        for (policy, code, again) in [
            (No, 1, false),
            (Always, 0, true),
            (UnlessStopped, 0, true),
            (OnFailure { retries: 0 }, 1, true),
            (OnFailure { retries: 0 }, 0, false),
        ] {
            assert_eq!(Restarts::new(policy).after(code, SHORT).is_some(), again, "{policy:?} {code}");
        }
        let mut twice = Restarts::new(OnFailure { retries: 2 });
        assert_eq!([1, 1, 1].map(|code| twice.after(code, SHORT).is_some()), [true, true, false]);
        assert_eq!(twice.count(), 2);
        // More of them, while it goes on.
        let mut more = Restarts::new(No);
        more.set_policy(Always);
        assert!(more.after(0, SHORT).is_some());
    }

    #[test]
    fn whom_a_user_stops_is_not_run_again_and_who_is_wanted_again_is() {
        let stopped = |policy, ends| {
            let mut restarts = Restarts::new(policy);
            restarts.signalled(ends);
            (restarts.after(1, SHORT).is_some(), restarts.was_stopped_by_user())
        };
        assert_eq!(stopped(Always, true), (false, true));
        // HUP to one that stops by USR1.
        assert_eq!(stopped(Always, false), (true, true));
        assert_eq!(stopped(UnlessStopped, false), (false, true));
        let mut demanded = Restarts::new(No);
        demanded.demand();
        assert_eq!((demanded.after(0, SHORT), demanded.after(0, SHORT)), (Some(Duration::ZERO), None));
        let mut down = Restarts::new(Always);
        down.cancel();
        assert_eq!((down.after(1, SHORT), down.was_stopped_by_user()), (None, false));
    }
}
