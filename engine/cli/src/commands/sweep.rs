//! `thawline sweep`

use std::process::Command;

use super::{
    check,
    interrupt::{self, Interrupts},
    outcome, ready, report, setup, study, test_split,
};
use crate::{
    args::Sweep,
    context::Context,
    exit::Error,
    progress::{SweepProgress, text},
};
use engine::{
    clock::Clock,
    devices::DeviceSlots,
    session::{Opened, Session},
    store::{Store, StoreError, study as state_of},
    supervisor::{Supervisor, SupervisorError, supervise},
    worker::Ended,
};

pub(super) fn run(arguments: &Sweep, context: &mut Context) -> Result<(), Error> {
    let overrides = &arguments.overrides;
    let mut space = setup::read_space(&arguments.space, overrides, context)?;
    let file_seed = space.settings.seed;
    let folder = study::folder(&arguments.study)?;
    let mut there = study::open_if_there(&folder)?;
    let before = there.as_mut().map(Store::state).transpose().map_err(study::store_error)?.flatten().map(|state| state.settings().clone());
    if let Some(before) = &before {
        let asked = space.settings.devices.is_some();
        overrides.go_on(&mut space.settings, before);
        if let (false, Some(devices)) = (asked, &space.settings.devices) {
            context.note(format!("on the devices that this study last had, {devices}; --devices names others"));
        }
    }
    let (ready, devices) = ready::check(&space, setup::devices(&space), context)?;
    let spec = ready.spec(&space)?;
    check::disk((&ready, &spec), &devices, context)?;
    if before.is_none() {
        check::budget((&ready, &spec), overrides, &devices, context)?;
    }
    context.note(ready.prepared.report.to_string().trim_end());

    let opened = match there {
        Some(store) => Session::open(store, folder.clone(), &spec),
        None => Session::open_or_create(folder.clone(), &spec),
    };
    let mut session = match opened {
        Err(StoreError::InUse { .. }) if arguments.join => Session::join(folder, &spec),
        opened => opened,
    }
    .map_err(study::store_error)?;
    if session.opened != Opened::Joined {
        report::keep_data_report(&ready.prepared.report, &session.folder)?;
    }
    let has_test = !ready.prepared.task.test.is_empty();
    // The workers read model and data for themselves; this process keeps neither.
    drop(ready);
    context.note(opening(&session, arguments));
    let settings = state_of(&mut session.store).map_err(study::store_error)?.settings().clone();
    overrides.overruled(file_seed, &settings).into_iter().for_each(|line| context.note(line));
    let interrupts = interrupt::watch()?;
    if session.opened == Opened::Joined {
        let ended = search(&mut session, &devices, &interrupts, context)?;
        if !session.take_over().map_err(study::store_error)? {
            let Session { store, folder, .. } = &mut session;
            return outcome::left(folder, store, ended, arguments, context);
        }
        // Its own sweep has ended before.
        return outcome(&mut session, ended, has_test, (&devices, &interrupts), arguments, context);
    }
    let ended = match idle(&mut session)? {
        Some(ended) => {
            let more = match ended {
                Ended::TargetReached => "--target beyond it",
                Ended::BudgetSpent => "--budget",
                Ended::Finished | Ended::Interrupted => "--trials",
            };
            context.note(format!(
                "nothing is left to do; search on with {}{more}",
                if ended == Ended::TargetReached { "a " } else { "more " }
            ));
            ended
        }
        None => search(&mut session, &devices, &interrupts, context)?,
    };
    outcome(&mut session, ended, has_test, (&devices, &interrupts), arguments, context)
}

/// Looks at the test split, writes everything and says what came out.
fn outcome(
    session: &mut Session,
    mut ended: Ended,
    has_test: bool,
    (devices, interrupts): (&[DeviceSlots], &Interrupts),
    arguments: &Sweep,
    context: &mut Context,
) -> Result<(), Error> {
    if has_test && ended != Ended::Interrupted && !test_split::evaluate(session, devices, interrupts, context)? {
        ended = Ended::Interrupted;
    }
    let Session { store, folder, .. } = session;
    outcome::conclude(folder, store, ended, arguments, context)
}

/// How the study has already ended, if it has.
fn idle(session: &mut Session) -> Result<Option<Ended>, Error> {
    let state = state_of(&mut session.store).map_err(study::store_error)?;
    let spent = state.budget_spent(Clock::Study.now(state));
    // With the starts closed it is more budget that lets it go on.
    let finished = state.is_over() && state.closed_from.is_none();
    if state.is_over() && state.target_reached.is_some() {
        return Ok(Some(Ended::TargetReached));
    }
    Ok(if finished { Some(Ended::Finished) } else { (spent || state.is_over()).then_some(Ended::BudgetSpent) })
}

/// Runs the workers until the study, its budget or the user's patience has ended.
fn search(session: &mut Session, devices: &[DeviceSlots], interrupts: &Interrupts, context: &mut Context) -> Result<Ended, Error> {
    let spec = state_of(&mut session.store).map_err(study::store_error)?.spec.clone();
    let mut progress = SweepProgress::new(context, &spec);
    let (program, root) = (context.program.clone(), session.folder.root().to_owned());
    let command = |slots: &DeviceSlots| {
        let mut command = Command::new(&program);
        command.args(["worker", "--supervised", "--store"]).arg(&root).arg("--device").arg(slots.device.to_string());
        command.arg("--slots").arg(slots.slots.to_string()).arg("--threads").arg(slots.threads.to_string());
        command
    };
    let mut told = false;
    let ended = supervise(
        Supervisor {
            store: &mut session.store,
            folder: &session.folder,
            devices,
            command: &command,
            cancel: &interrupts.finish,
            kill: &interrupts.now,
            clock: Clock::Study,
            stall_after: spec.space.settings.stall_after_seconds as f64,
        },
        &mut |state| {
            if interrupts.finish.is_set() && !std::mem::replace(&mut told, true) {
                progress.note(context, "stopping: running trials leave a checkpoint first; Ctrl-C again stops now");
            }
            progress.show(state, context);
        },
    );
    progress.clear();
    ended.map_err(supervisor_error)
}

fn opening(session: &Session, arguments: &Sweep) -> String {
    let study = arguments.study.display();
    match session.opened {
        Opened::Created => format!("starting the study {study}"),
        Opened::Continued => format!("continuing the study {study} where it stopped"),
        Opened::Joined => format!("working beside the sweep that runs in {study}"),
        Opened::Extended { trials, budget_seconds } => {
            let budget = budget_seconds.map_or_else(|| "no budget".to_owned(), |budget| text::seconds(budget as f64));
            format!("extending the study {study}, which had {trials} trials and {budget}")
        }
    }
}

fn supervisor_error(error: SupervisorError) -> Error {
    match error {
        SupervisorError::Store(error) => study::store_error(error),
        SupervisorError::Worker { message, code, .. } => Error::with_code(code, message),
        SupervisorError::Start { .. } | SupervisorError::KeepsDying { .. } | SupervisorError::DeviceGone { .. } => {
            Error::environment(error)
        }
    }
}
