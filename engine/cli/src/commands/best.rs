//! `thawline best`

use super::{report, study};
use crate::{
    args::{Best, Format},
    context::Context,
    exit::Error,
};

pub(super) fn run(arguments: &Best, context: &mut Context) -> Result<(), Error> {
    let (_, record) = study::read(&arguments.study)?;
    match arguments.format {
        Format::Ron => context.say(report::best_ron(&record)?.trim_end()),
        Format::Json => {
            let best = report::best(&record)?;
            // A claim has it with the rest.
            if let Some(words) = report::provisional(&record) {
                context.note(words);
            }
            context.say_json(&best)
        }
    }
}
