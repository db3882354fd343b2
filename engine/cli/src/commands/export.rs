//! `thawline export`

use engine::{devices::Device, runner::Checkpoint, state::Phase, store::study as state_of};

use super::{ready, study};
use crate::{args::Export, context::Context, exit::Error, progress::text};

pub(super) fn run(arguments: &Export, context: &mut Context) -> Result<(), Error> {
    trials::hub::check_destination(&arguments.to).map_err(Error::usage)?;
    let (folder, mut store) = study::open(&arguments.study)?;
    let state = state_of(&mut store).map_err(study::store_error)?;
    let number = match arguments.trial {
        Some(number) => number,
        None => state.best().ok_or_else(|| Error::no_trial("no trial of this study has a value yet"))?.trial,
    };
    let started = state.search.trials().len();
    let Some(trial) = state.search.trials().get(number as usize) else {
        return Err(Error::usage(format!("there is no trial {number}: the study has trials 0 to {}", started.saturating_sub(1))));
    };
    if trial.phase != Phase::Complete {
        return Err(Error::usage(format!(
            "trial {number} has not been trained to its full length: `thawline status {}` tells how far the study is",
            text::quoted(&arguments.study)
        )));
    }
    let checkpoint = state.trials[number as usize].checkpoint.clone();
    let checkpoint = checkpoint.map(|c| Checkpoint { path: folder.absolute(&c.path), ..c }).filter(|c| c.path.is_file());
    let Some(checkpoint) = checkpoint else {
        return Err(Error::input(format!(
            "the weights of trial {number} are no longer there: only those of the best few trials are kept\n  \
             train it again with `thawline best` and `thawline train`, or export another trial"
        )));
    };
    let ready = ready::read(state.spec.model.clone(), state.spec.data.clone(), Device::Cpu, context)?;
    ready.check_unchanged(&state.spec, &folder)?;
    ready.export(&checkpoint, &arguments.to)?;
    context.note(format!("trial {number}, step {}", checkpoint.step));
    context.say(arguments.to.display())
}
