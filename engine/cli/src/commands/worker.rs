//! `thawline worker`: trains segments of a study's trials on one device, until nothing is left to do.

use std::io::{Write as _, stdin};

use engine::{
    clock::Clock,
    devices::{Device, DeviceSlots, parse_devices},
    samplers, schedulers,
    spec::StudySpec,
    store::{SqliteStore, WorkerLock, study as state_of},
    supervisor::cancel_when_closed,
    worker::{self, WorkerError, WorkerMessage, run_worker},
};
use trials::device::Memory;

use super::{
    interrupt,
    ready::{self, Ready},
    setup::ACCELERATORS,
    study,
};
use crate::{args::Worker, context::Context, exit::Error};

/// Every end is told on standard output, one of [`WorkerMessage`] a line: the exit code is for whoever started it by hand.
pub(super) fn run(arguments: &Worker, context: &mut Context) -> Result<(), Error> {
    // A terminal sends Ctrl-C to the whole group: leaving a checkpoint is what both are asked for.
    let cancel = interrupt::watch()?.finish;
    if arguments.supervised {
        cancel_when_closed(stdin(), cancel.clone());
    }
    match work(arguments, cancel, context) {
        Err(end) => {
            let (message, error) = match end {
                End::DeviceLost(error) => (WorkerMessage::DeviceLost { message: error.message.clone() }, error),
                End::Failed(error) => (WorkerMessage::Failed { message: error.message.clone(), code: error.code as u8 }, error),
            };
            tell(context, &message);
            Err(if arguments.supervised { Error { message: String::new(), ..error } } else { error })
        }
        Ok(()) => Ok(()),
    }
}

/// How a worker comes to its end before its time.
enum End {
    /// Another start would not help.
    Failed(Error),
    /// It may come back: what ran on it is for the supervisor to release.
    DeviceLost(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        End::Failed(error)
    }
}

fn work(arguments: &Worker, cancel: engine::runner::Cancel, context: &mut Context) -> Result<(), End> {
    let parsed = parse_devices(&arguments.device, arguments.threads, ACCELERATORS).map_err(Error::environment)?;
    let slots = DeviceSlots { device: parsed[0].device, slots: arguments.slots, threads: arguments.threads };
    let folder = study::folder(&arguments.store)?;
    let mut store = SqliteStore::open(&folder).map_err(study::store_error)?;
    let spec = state_of(&mut store).map_err(study::store_error)?.spec.clone();
    let (ready, accelerator) = load(&spec, slots.device, context)?;
    ready.check_unchanged(&spec, &folder)?;
    let settings = &spec.space.settings;
    let lock = WorkerLock::acquire(&folder).map_err(study::store_error)?;
    let runner = (context.runner)(&ready.prepared, ready::runner_settings(&spec.space));
    let parts = worker::Worker {
        store: Box::new(store),
        folder,
        runner,
        scheduler: schedulers::build(settings.scheduler),
        sampler: samplers::build(settings.sampler, settings.seed),
        slots,
        room: slots.room(accelerator),
        cancel,
        clock: Clock::Study,
        lock: Some(lock),
    };
    run_worker(parts, &mut |message| tell(context, message)).map_err(|error| match error {
        WorkerError::Store(error) => End::Failed(study::store_error(error)),
        WorkerError::Config { .. } => End::Failed(Error::failed(error)),
        WorkerError::Thread { .. } | WorkerError::Machine(_) => End::Failed(Error::environment(error)),
        WorkerError::Device(_) => End::DeviceLost(Error::environment(error)),
    })?;
    Ok(())
}

/// Model and data, and how much memory an accelerator has beside them, where it tells.
fn load(spec: &StudySpec, device: Device, context: &Context) -> Result<(Ready, Option<u64>), End> {
    // `ready` opens it, too, but does not tell whether it is the device that is at fault.
    let opened = trials::device::open(device).map_err(|error| End::DeviceLost(Error::environment(error)))?;
    let before = trials::device::memory(&opened);
    let ready = ready::load(spec.model.clone(), spec.data.clone(), device, &context.measures)?;
    let beside = |now: Memory| before.map(|before| now.total.saturating_sub(before.free.saturating_sub(now.free)));
    Ok((ready, trials::device::memory(&opened).and_then(beside)))
}

/// A supervisor that is gone hears nothing; its closed pipe has told this worker to end.
fn tell(context: &mut Context, message: &WorkerMessage) {
    if let Ok(line) = serde_json::to_string(message) {
        let _ = writeln!(context.out, "{line}").and_then(|()| context.out.flush());
    }
}
