//! From a space file and the command line to a space, its devices, and where its model and data are.

use std::path::{Path, PathBuf};

use engine::devices::{self, DeviceSlots};
use search_spaces::{
    data::{Location, TextData, TextFiles},
    problem::{Problems, ReadError},
    space::Space,
};

use super::fetch;
use crate::{context::Context, exit::Error};

/// What the command line says over the file's settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Overrides {
    pub(super) trials: Option<u32>,
    pub(super) budget_seconds: Option<u64>,
    pub(super) seed: Option<u64>,
    pub(super) devices: Option<String>,
}

/// Reads a space with the command line's settings in place of the file's.
pub(super) fn read_space(path: &Path, overrides: &Overrides) -> Result<Space, Error> {
    let mut space = Space::read(path).map_err(read_error)?;
    let settings = &mut space.settings;
    settings.trials = overrides.trials.unwrap_or(settings.trials);
    settings.budget_seconds = overrides.budget_seconds.or(settings.budget_seconds);
    settings.seed = overrides.seed.unwrap_or(settings.seed);
    settings.devices = overrides.devices.clone().or_else(|| settings.devices.clone());
    Ok(space)
}

pub(super) fn read_error(error: ReadError) -> Error {
    match error {
        ReadError::Unreadable { path, source } => Error::space(format!("cannot read {}: {source}", path.display())),
        ReadError::Problems(problems) => Error::space(told(&problems)),
    }
}

/// `2 mistakes:` and what they are.
pub(super) fn told(problems: &Problems) -> String {
    match problems.0.len() {
        1 => problems.to_string(),
        count => format!("{count} mistakes\n\n{problems}"),
    }
}

/// The accelerators this program was built for.
pub(super) const ACCELERATORS: &[&str] = &[
    #[cfg(feature = "cuda")]
    "cuda",
    #[cfg(feature = "metal")]
    "metal",
];

/// The devices to use, each opened once so that one that is not there is known before anything starts.
pub(super) fn devices(space: &Space) -> Result<Vec<DeviceSlots>, Error> {
    let cores = devices::cores();
    let found = match &space.settings.devices {
        None => vec![DeviceSlots::cpu(cores, cores)],
        Some(list) => devices::parse_devices(list, cores, ACCELERATORS).map_err(|error| {
            // Right for a program with all accelerators: the machine or the build lacks it. Wrong for any: a slip of the pen.
            if devices::parse_devices(list, cores, &["cuda", "metal"]).is_ok() { Error::environment(error) } else { Error::usage(error) }
        })?,
    };
    for slots in &found {
        trials::device::open(slots.device).map_err(Error::environment)?;
    }
    Ok(found)
}

/// Where a location is on this machine.
pub(super) fn locate(location: &Location, context: &mut Context) -> Result<PathBuf, Error> {
    match location {
        Location::Path(path) => Ok(path.clone()),
        Location::Asset(name) => fetch::resolve(context, name),
    }
}

/// The data with every location a path.
pub(super) fn locate_data(data: &TextData, context: &mut Context) -> Result<TextData, Error> {
    let mut at = |location: &Location| locate(location, context).map(Location::Path);
    let files = match &data.files {
        TextFiles::One(one) => TextFiles::One(at(one)?),
        TextFiles::Splits { train, validation, test } => TextFiles::Splits {
            train: at(train)?,
            validation: validation.as_ref().map(&mut at).transpose()?,
            test: test.as_ref().map(&mut at).transpose()?,
        },
    };
    Ok(TextData { files, ..data.clone() })
}
