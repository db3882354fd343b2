//! The last step of a sweep: one look at the test split.

use engine::{
    clock::Clock,
    devices::{self, DeviceSlots},
    events::Event,
    runner::Checkpoint,
    session::Session,
    spec::StudySpec,
    store::{Store as _, study as state_of},
};

use super::{
    interrupt::{Interrupts, unless_stopped},
    ready::{self, Ready, runner_settings},
    study,
};
use crate::{context::Context, exit::Error};

/// Evaluates the best training on the test split, unless that has been done. `false`: interrupted.
///
/// What goes wrong here is told, and ends nothing: the search has its result.
pub(super) fn evaluate(
    session: &mut Session,
    devices: &[DeviceSlots],
    interrupts: &Interrupts,
    context: &mut Context,
) -> Result<bool, Error> {
    let state = state_of(&mut session.store).map_err(study::store_error)?;
    let Some(trial) = state.untested() else { return Ok(true) };
    let spec = state.spec.clone();
    let checkpoint = state.trials[trial as usize].checkpoint.clone();
    let checkpoint = checkpoint.map(|c| Checkpoint { path: session.folder.absolute(&c.path), ..c }).filter(|c| c.path.is_file());
    let Some(checkpoint) = checkpoint else {
        context.warn(format!("the weights of trial {trial} are no longer there, so the test split is not evaluated"));
        return Ok(true);
    };
    context.note(format!("evaluating the best training, trial {trial}, on the test split"));
    let seed = spec.space.settings.seed;
    let artefacts = session.folder.artefacts();
    let looked = read(&spec, session, devices, context).and_then(|ready| {
        let runner = ready.prepared.runner(runner_settings(&spec.space));
        let look = move |_| runner.evaluate_test_into(&artefacts, &checkpoint, (trial, seed), devices::cores());
        unless_stopped(&interrupts.finish, look, |_| {})
    });
    match looked {
        Ok(None) => return Ok(false),
        Ok(Some(Ok(None))) => {}
        Ok(Some(Ok(Some(mut tested)))) => {
            tested.predictions = tested.predictions.map(|path| session.folder.relative(&path));
            let event = Event::Tested(Box::new(tested));
            let now = Clock::Study.now(state_of(&mut session.store).map_err(study::store_error)?);
            session.store.commit(now, &mut |_| vec![event.clone()]).map_err(study::store_error)?;
        }
        // Ctrl-C is for a process that reads the data, too.
        Err(_) if interrupts.finish.is_set() => return Ok(false),
        Ok(Some(Err(error))) => context.warn(format!("the test split cannot be evaluated: {error}")),
        Err(error) => context.warn(format!("the test split cannot be evaluated: {}", error.message)),
    }
    Ok(true)
}

fn read(spec: &StudySpec, session: &Session, devices: &[DeviceSlots], context: &Context) -> Result<Ready, Error> {
    let ready = ready::read(spec.model.clone(), spec.data.clone(), devices[0].device, context)?;
    ready.check_unchanged(spec, &session.folder)?;
    Ok(ready)
}
