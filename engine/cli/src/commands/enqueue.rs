//! `thawline enqueue`

use std::sync::Arc;

use engine::{
    clock::Clock,
    enqueued::{Enqueued, NotEnqueued},
    store::{Store as _, study as state_of},
};
use trials::{
    device::Handle,
    prepare::{check_config, load_base},
};

use super::{ready, study, train};
use crate::{args::Enqueue, context::Context, exit::Error, progress::text};

pub(super) fn run(arguments: &Enqueue, context: &mut Context) -> Result<(), Error> {
    let shown = arguments.config.display();
    let (file, _) = train::read(&arguments.config)?;
    let config = file.config;
    let (folder, mut store) = study::open(&arguments.study)?;
    let spec = state_of(&mut store).map_err(study::store_error)?.spec.clone();
    let (most, default) = (spec.space.max_epochs(), &spec.space.recipes[0].config);
    if config.epochs > most {
        let epochs = config.epochs;
        return Err(Error::space(format!(
            "{shown}: `epochs` is {epochs}, but the study trains {most} at most: enqueue it with `epochs: {most}`"
        )));
    }
    if config.keep != default.keep {
        let (its, ours) = (config.keep, default.keep);
        return Err(Error::space(format!("{shown}: `keep` is {its:?}, but the study's is {ours:?}, so their values would not compare")));
    }
    let base = load_base(&spec.model, &Handle::Cpu).map_err(Error::input)?;
    check_config(&config, ready::max_tokens(&spec.data), base.as_ref()).map_err(|why| Error::space(format!("{shown}: {why}")))?;
    let name = arguments.name.clone().unwrap_or_else(|| arguments.config.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let enqueued = Enqueued { name, assignment: spec.space.nearest(&config), config: Arc::new(config) };
    let mut refused: Option<NotEnqueued> = None;
    let now = Clock::Study.now(state_of(&mut store).map_err(study::store_error)?);
    let commit = store.commit(now, &mut |state| match state.enqueue(enqueued.clone()) {
        Ok(event) => vec![event],
        Err(why) => {
            refused = Some(why);
            Vec::new()
        }
    });
    commit.map_err(study::store_error)?;
    if let Some(why) = refused {
        return Err(Error::usage(format!("{shown}: {why}; nothing was enqueued")));
    }
    let state = state_of(&mut store).map_err(study::store_error)?;
    let next = if folder.is_worked_on(state.workers.values()) {
        "it is tried as soon as a slot is free for a new trial".to_owned()
    } else {
        let here = std::env::current_dir().ok();
        let space = here.and_then(|here| spec.space.path.strip_prefix(here).ok()).unwrap_or(&spec.space.path);
        let (space, study) = (text::quoted(space), text::quoted(&arguments.study));
        let more = if state.closed_from.is_some() || state.budget_spent(now) { " --budget LONGER" } else { "" };
        format!("it is tried when the study goes on: `thawline sweep {space} --study {study}{more}`")
    };
    context.note(format!("enqueued {}; {next}", enqueued.name));
    Ok(())
}
