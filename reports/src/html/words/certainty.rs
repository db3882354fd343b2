//! How far the values can be relied on.

use crate::{
    format,
    summary::{Summary, standard_error},
};

pub(super) fn uncertainty(summary: &Summary, validation: Option<u64>) -> Option<String> {
    let best = summary.best.as_ref()?;
    let luck = "The best of many trials is also a little lucky: expect somewhat less on new data.";
    let Some(examples) = validation else {
        return (summary.counts.trials > 1 && best.again.is_none() && summary.test.is_none()).then(|| luck.to_owned());
    };
    let measured = format!("This was measured on {}", format::counted(examples, "validation example"));
    let error = match standard_error(summary.objective.metric, best.value, examples) {
        Some(error) => {
            let gained = summary.gain().filter(|_| best.trial != 0).is_some_and(|gain| (0.0..2.0 * error).contains(&gain));
            let chance = if gained { ", and the gain over the default recipe is one of them" } else { "" };
            format!(
                "{measured}, so one standard error of that accuracy is {:.1} points; differences smaller than about twice that may be chance{chance}.",
                error * 100.0
            )
        }
        None => format!("{measured}."),
    };
    let lucky = summary.counts.trials > 1 && best.again.is_none() && summary.test.is_none();
    Some(if lucky { format!("{error} {luck}") } else { error })
}
