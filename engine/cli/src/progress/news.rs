//! What has happened in a study, as lines that stay.

use std::collections::BTreeSet;

use engine::progress::{Incumbent, News};

use super::{Words, pace::interval, text};

/// Trials that fail for one more reason each are told up to here.
const MOST_CAUSES: usize = 20;

/// Decides what of the news gets a line: whatever a sweep of a hundred thousand trials does, there are not many.
#[derive(Debug, Default)]
pub(super) struct Teller {
    /// Without their numbers.
    causes: BTreeSet<String>,
    best: Waiting,
}

/// The best that has not been told yet, because there was another just before.
#[derive(Debug, Default)]
struct Waiting {
    best: Option<Incumbent>,
    told_at: Option<f64>,
}

impl Teller {
    /// `elapsed`: seconds since the display began.
    pub(super) fn tell(&mut self, news: &[News], elapsed: f64, words: &Words) -> Vec<String> {
        let mut lines: Vec<String> = news.iter().filter_map(|news| self.line(news, words)).collect();
        let told = self.best.told_at;
        if told.is_none_or(|told| elapsed - told >= interval(elapsed) / 2.0)
            && let Some(best) = self.best.best.take()
        {
            self.best.told_at = Some(elapsed);
            lines.push(best_line(&best, words));
        }
        lines
    }

    fn line(&mut self, news: &News, words: &Words) -> Option<String> {
        match news {
            News::Best(best) => {
                self.best.best = Some(*best);
                None
            }
            News::Failed { trial, cause } => self.failed(*trial, cause),
            _ => news_line(news, words),
        }
    }

    fn failed(&mut self, trial: u32, cause: &str) -> Option<String> {
        if self.causes.len() >= MOST_CAUSES || !self.causes.insert(text::without_numbers(cause)) {
            return None;
        }
        let last = if self.causes.len() == MOST_CAUSES { "; further failures are only counted" } else { "" };
        Some(format!("trial {trial} failed: {}{last}", text::line(cause)))
    }
}

/// What changes the course of a search; `None` for other news.
pub(crate) fn news_line(news: &News, words: &Words) -> Option<String> {
    match news {
        News::Best(_) | News::Failed { .. } => None,
        News::StartsClosed { trials } => {
            Some(format!("no trial after these {trials} is started: the rest of the budget is for taking the best to their full length"))
        }
        News::GivenUp { trials } => Some(format!("given up after {trials} trials: every config drawn has failed")),
        News::TargetReached { trial } => Some(format!("trial {trial} has reached the target: the search ends")),
        News::Finalists { trials, seeds } => {
            let who = if trials.len() == 1 { "the best config is" } else { "the best configs are" };
            Some(format!("the search has ended; {who} trained {seeds} times in all, each with another seed: trial {}", listed(trials)))
        }
        News::Folds { folds } => Some(format!("cross-validation begins: {}", words.folds(*folds))),
    }
}

/// One that was trained again may be the best with a value that is worse than the one before.
pub(crate) fn best_line(best: &Incumbent, words: &Words) -> String {
    format!("{}: {}", if best.of == best.trial { "new best" } else { "best now" }, words.incumbent(best))
}

fn listed(trials: &[u32]) -> String {
    trials.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::words::tests::words;

    fn failed(trial: u32, cause: &str) -> News {
        News::Failed { trial, cause: cause.to_owned() }
    }

    #[test]
    fn a_cause_is_told_once() {
        let mut teller = Teller::default();
        let mut tell = |news: &[News]| teller.tell(news, 0.0, &words()).join("\n");
        insta::assert_snapshot!(tell(&[failed(3, "the loss became NaN at step 12"), failed(4, "the loss became NaN at step 7"), failed(5, "a panic")]), @"
        trial 3 failed: the loss became NaN at step 12
        trial 5 failed: a panic
        ");
        assert_eq!(tell(&[failed(6, "a panic")]), "");
        for trial in 0..1000 {
            let letters: String = trial.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
            tell(&[failed(trial, &letters)]);
        }
        assert_eq!(teller.causes.len(), MOST_CAUSES);
    }

    #[test]
    fn the_best_is_told_at_once_but_not_every_time() {
        let best = |trial, value| News::Best(Incumbent { trial, of: trial, value, rung: 0, against: None });
        let mut teller = Teller::default();
        assert_eq!(teller.tell(&[best(1, 0.5), best(2, 0.6)], 1.0, &words()), ["new best: accuracy 0.6000, trial 2 at rung 0 of 2"]);
        assert_eq!(teller.tell(&[best(3, 0.7)], 2.0, &words()), [""; 0]);
        assert_eq!(teller.tell(&[], 3.0, &words()), [""; 0]);
        assert_eq!(teller.tell(&[], 17.0, &words()), ["new best: accuracy 0.7000, trial 3 at rung 0 of 2"]);
        assert_eq!(teller.tell(&[], 40.0, &words()), [""; 0]);
    }

    #[test]
    fn what_changes_the_search_is_told() {
        let news = [
            News::StartsClosed { trials: 40 },
            News::GivenUp { trials: 8 },
            News::TargetReached { trial: 5 },
            News::Finalists { trials: vec![5, 2, 9], seeds: 3 },
            News::Folds { folds: 20 },
        ];
        insta::assert_snapshot!(Teller::default().tell(&news, 0.0, &words()).join("\n"), @"
        no trial after these 40 is started: the rest of the budget is for taking the best to their full length
        given up after 8 trials: every config drawn has failed
        trial 5 has reached the target: the search ends
        the search has ended; the best configs are trained 3 times in all, each with another seed: trial 5, 2, 9
        cross-validation begins: 20 trainings to rung 2 on other splits
        ");
    }
}
