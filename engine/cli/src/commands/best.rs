//! `thawline best`

use search_spaces::claim::ConfigFile;

use super::{report, study};
use crate::{
    args::{Best, Format},
    context::Context,
    exit::Error,
};

pub(super) fn run(arguments: &Best, context: &mut Context) -> Result<(), Error> {
    let (_, record) = study::read(&arguments.study)?;
    let best: ConfigFile = report::best(&record)?;
    match arguments.format {
        Format::Ron => {
            let text = best.to_ron().map_err(|e| Error::failed(format!("cannot write the config as RON: {e}")))?;
            context.say(text.trim_end())
        }
        Format::Json => context.say_json(&best),
    }
}
