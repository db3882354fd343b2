//! `thawline fetch`

use std::path::PathBuf;

use crate::{
    args::Fetch,
    assets::{self, AssetError, Fetched},
    context::Context,
    exit::Error,
    progress::FetchProgress,
};

pub(super) fn run(arguments: &Fetch, context: &mut Context) -> Result<(), Error> {
    if let Some(to) = arguments.to.as_ref().filter(|to| to.exists()) {
        return Err(Error::usage(format!("{} exists already: choose another place, or remove it", to.display())));
    }
    let fetched = with_progress(context, |assets, tell| assets.fetch(&arguments.name, tell))?;
    let asset = assets::find(&arguments.name).ok_or_else(|| Error::failed("a fetched asset has an entry in the catalogue"))?;
    let state = if fetched.cached { "already in the cache, checksums hold" } else { "fetched, checksums hold" };
    context.note(format!("{}: {state} ({:.1} MB)", asset.name, fetched.bytes as f64 / 1e6));
    context.note(format!("  {}", asset.about));
    context.note(format!("  licence: {}", asset.licence));
    let path = match &arguments.to {
        None => fetched.path,
        Some(to) => {
            assets::copy_out(&fetched.path, to).map_err(|e| Error::write(to, &e))?;
            to.clone()
        }
    };
    context.say(path.display())
}

/// The folder or file of an asset, fetched with its progress shown when it is not in the cache yet.
pub(crate) fn resolve(context: &mut Context, name: &str) -> Result<PathBuf, Error> {
    with_progress(context, |assets, tell| {
        let asset = assets::find(name);
        match asset.and_then(|asset| assets.cached(asset)) {
            Some(path) => Ok(Fetched { path, cached: true, bytes: 0 }),
            None => assets.fetch(name, tell),
        }
    })
    .map(|fetched| fetched.path)
}

fn with_progress(
    context: &mut Context,
    fetch: impl FnOnce(&assets::Assets, &mut dyn FnMut(assets::FetchEvent)) -> Result<Fetched, AssetError>,
) -> Result<Fetched, Error> {
    let assets = context.assets.clone();
    let mut progress = FetchProgress::new(context);
    let result = fetch(&assets, &mut |event| progress.show(event));
    progress.clear();
    result.map_err(|error| match error {
        AssetError::Unknown { .. } => Error::usage(error),
        AssetError::NoSource { .. } | AssetError::Cache { .. } => Error::environment(error),
    })
}
